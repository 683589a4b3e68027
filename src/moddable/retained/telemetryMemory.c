#include <stddef.h>

#include "telemetryMemory.h"

#ifdef MODDEF_TELEMETRY_RETAINED

#include "../native/telemetryLayout.h"

#if ESP32
#include "esp_attr.h"
#include "esp_system.h"
/* RTC memory outlives deep sleep, too; there are 8 KB or 16 KB of it. */
#ifdef MODDEF_TELEMETRY_RTC
#define RETAINED_MEMORY RTC_NOINIT_ATTR
#else
#define RETAINED_MEMORY __NOINIT_ATTR
#endif
#elif defined(MODDEF_TELEMETRY_SECTION)
/* Only the author of the linker script can say which section nobody clears and nobody else uses. */
#define RETAINED_MEMORY __attribute__((section(MODDEF_TELEMETRY_SECTION)))
#endif

#ifdef RETAINED_MEMORY
static RETAINED_MEMORY uint64_t memory[MODDEF_TELEMETRY_RETAINED / 8];
#else
static uint64_t memory[1]; /* no place for a ring */
#endif
static uint8_t isTaken;

uint32_t telemetryMemoryBytes(void)
{
#ifdef RETAINED_MEMORY
	return sizeof(memory);
#else
	return 0;
#endif
}

void* telemetryMemoryTake(void)
{
	if (isTaken)
		return NULL;
	isTaken = 1;
	return memory;
}

void telemetryMemoryReturn(void)
{
	isTaken = 0;
}

void* telemetryMemory(void)
{
	return memory;
}

uint32_t telemetryResetReason(void)
{
#if ESP32
	uint32_t reason = (uint32_t)esp_reset_reason();
	return reason <= 0xff ? reason : RESET_UNKNOWN;
#else
	return RESET_UNKNOWN;
#endif
}

#endif
