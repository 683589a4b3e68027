/*
 * How natives treat what a script passes. Whatever it passes, nothing here reads or writes outside its memory. A method called on an object
 * of another class throws, as the private fields of src/ring/emitter.ts do; no other emission throws. A script may get hold of an emitter
 * and make calls that are meant for src/moddable/emitter.ts only, so each native checks its arguments and their ranges.
 * XS may move its strings and buffers whenever it allocates or runs a script, so both come last: first the clock is read, which may belong
 * to a script, then the arguments are examined, then the record is written.
 */
#ifndef telemetryArguments_h
#define telemetryArguments_h

#include <stdint.h>

#include "xsPlatform.h"
#include "xsmc.h"
#include "xsHost.h"

/** Throws RangeError. */
void telemetryRefuse(xsMachine* the) __attribute__((noreturn));

/** XS does not check whether an argument is present. */
void telemetryNeed(xsMachine* the, xsIntegerValue count);

/** An argument; NULL if it is missing. */
xsSlot* telemetryArgument(xsMachine* the, xsIntegerValue index);

/** An integer from 0 to `most`; less than 0 for everything else. */
int32_t telemetryWhole(xsMachine* the, xsSlot* slot, int32_t most);

/** An argument converted to an integer from 0 to `most`; if it is another number, or missing, `wrong` is added to a counter. */
uint64_t telemetryAmount(xsMachine* the, xsSlot* slot, double most, uint64_t* counter, uint32_t wrong);

/**
 * Calls a function, with its arguments in the order of a call's frame: each below the previous one. Its return value becomes the result.
 */
void telemetryCall(xsMachine* the, xsSlot* function, xsSlot* self, const xsSlot* arguments, xsIntegerValue count);

_Static_assert(sizeof(xsSlot) == 4 * sizeof(void*), "telemetryCopySlot copies four words");

/** An assignment, word by word: a compiler that optimises for size calls memcpy for it, which takes ten times as long. */
static inline void telemetryCopySlot(xsSlot* to, const xsSlot* from)
{
	void** at = (void**)to;
	void* const* source = (void* const*)from;
	at[0] = source[0];
	at[1] = source[1];
	at[2] = source[2];
	at[3] = source[3];
}

/** Calls a function that ignores `this` and needs at most one argument. */
static inline void telemetryCallWith(xsMachine* the, xsSlot* function, xsSlot* argument)
{
	telemetryCall(the, function, argument, argument, 1);
}

#endif
