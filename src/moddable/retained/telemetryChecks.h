/* What of retained memory is believed, of one boot. */
#ifndef telemetryChecks_h
#define telemetryChecks_h

#include "../native/telemetryLayout.h"
#include "telemetryRetained.h"

#ifdef MODDEF_TELEMETRY_RETAINED

/**
 * Checks what the memory says of a boot, but for its id and first position, against itself and each record's shape. Fills `ring`, zero before, as
 * the boot left it; 0 if anything is wrong.
 */
int telemetryKeptCheck(TelemetryRing* ring, const TelemetryKeptBoot* boot, uint32_t* words, uint32_t capacitySlots, uint32_t tokens);

#endif

#endif
