/* The memory that outlives a reset, and the reason of the reset, as far as a platform has them. */
#ifndef telemetryMemory_h
#define telemetryMemory_h

#include "telemetryRetained.h"

/** 0: the platform has none. */
uint32_t telemetryMemoryBytes(void);

/** The memory; NULL if it is already in use. */
void* telemetryMemoryTake(void);

void telemetryMemoryReturn(void);

void* telemetryMemory(void);

/** As ESP-IDF numbers reasons; RESET_UNKNOWN elsewhere. */
uint32_t telemetryResetReason(void);

#endif
