/*
 * What natives do with what a script passes. Whatever that is, nothing here reads or writes outside its memory. A method called on an object
 * of another class throws, as the private fields of src/ring/emitter.ts do; no other emission throws. A script may get hold of an emitter, and
 * call what only src/moddable/emitter.ts is to call: so each native asks for its arguments, and for their ranges.
 * XS may move its strings and buffers whenever it allocates or runs a script, so both come last: first the clock is read, which may be a
 * script's, then arguments are looked at, then the record is written.
 */
#ifndef telemetryArguments_h
#define telemetryArguments_h

#include <stdint.h>

#include "xsPlatform.h"
#include "xsmc.h"
#include "xsHost.h"

/** Throws RangeError. */
void telemetryRefuse(xsMachine* the) __attribute__((noreturn));

/** XS does not look whether an argument is there. */
void telemetryNeed(xsMachine* the, xsIntegerValue count);

/** An argument; NULL if it is not there. */
xsSlot* telemetryArgument(xsMachine* the, xsIntegerValue index);

/** A whole number from 0 to `most`; less than 0 for everything else. */
int32_t telemetryWhole(xsMachine* the, xsSlot* slot, int32_t most);

/** The whole number that an argument comes to, from 0 to `most`; if it is another, or there is none, `wrong` is added to a counter. */
uint64_t telemetryAmount(xsMachine* the, xsSlot* slot, double most, uint64_t* counter, uint32_t wrong);

/** Calls a function, with arguments as they lie in a call's frame: each below the one before. What it returns is the result. */
void telemetryCall(xsMachine* the, xsSlot* function, xsSlot* self, const xsSlot* arguments, xsIntegerValue count);

_Static_assert(sizeof(xsSlot) == 4 * sizeof(void*), "telemetryCopySlot copies four words");

/** An assignment, word by word: a compiler that is to save room calls memcpy for it, which takes ten times as long. */
static inline void telemetryCopySlot(xsSlot* to, const xsSlot* from)
{
	void** at = (void**)to;
	void* const* source = (void* const*)from;
	at[0] = source[0];
	at[1] = source[1];
	at[2] = source[2];
	at[3] = source[3];
}

/** Calls a function that does not ask what `this` is, nor for more than one argument. */
static inline void telemetryCallWith(xsMachine* the, xsSlot* function, xsSlot* argument)
{
	telemetryCall(the, function, argument, argument, 1);
}

#endif
