/* What is believed of the retained memory of one boot. */
#ifndef telemetryChecks_h
#define telemetryChecks_h

#include "../native/telemetryLayout.h"
#include "telemetryRetained.h"

#ifdef MODDEF_TELEMETRY_RETAINED

/**
 * Checks what the memory says of a boot, except its id and first position, against itself and against the shape of each record. Fills
 * `ring`, which must be zero, as the boot left it; returns 0 if anything is wrong.
 */
int telemetryKeptCheck(TelemetryRing* ring, const TelemetryKeptBoot* boot, uint32_t* words, uint32_t capacitySlots, uint32_t tokens);

#endif

#endif
