/* What a reset does to the memory that outlives it: nobody has it any more. */
#include "xsPlatform.h"
#include "xsmc.h"
#include "xsHost.h"

void telemetryMemoryReturn(void);
void* telemetryMemory(void);
uint32_t telemetryMemoryBytes(void);

void xs_test_reset(xsMachine* the)
{
	(void)the;
	telemetryMemoryReturn();
}

/** Changes one bit of the memory. */
void xs_test_flip(xsMachine* the)
{
	uint32_t bit = (uint32_t)xsmcToInteger(xsArg(0));
	((uint8_t*)telemetryMemory())[bit / 8 % telemetryMemoryBytes()] ^= (uint8_t)(1 << bit % 8);
}

/** Power was off: the memory holds anything. */
void xs_test_forget(xsMachine* the)
{
	(void)the;
	telemetryMemoryReturn();
	for (uint32_t at = 0; at < telemetryMemoryBytes(); at++)
		((uint8_t*)telemetryMemory())[at] = (uint8_t)(at * 37 + 11);
}
