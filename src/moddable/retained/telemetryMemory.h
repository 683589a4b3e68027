/* The memory that outlives a reset, and why there was one: what a platform has of both. */
#ifndef telemetryMemory_h
#define telemetryMemory_h

#include "telemetryRetained.h"

/** 0: the platform has none. */
uint32_t telemetryMemoryBytes(void);

/** The memory; NULL if somebody has it. */
void* telemetryMemoryTake(void);

void telemetryMemoryReturn(void);

void* telemetryMemory(void);

/** As ESP-IDF numbers reasons; RESET_UNKNOWN elsewhere. */
uint32_t telemetryResetReason(void);

#endif
