/* The emitter as a host object of XS: what its connections and readers see of it. */
#ifndef telemetryEmitter_h
#define telemetryEmitter_h

#include "telemetryArguments.h"
#include "telemetryLayout.h"
#include "telemetryReader.h"
#include "telemetryRing.h"
#include "telemetryTokens.h"
#ifdef MODDEF_TELEMETRY_RETAINED
#include "../retained/telemetryMemory.h"
#endif

#define MAX_TOKENS 65535

typedef struct TelemetryEmitter {
	TelemetryTokens tokens;
	xsSlot* self; /* the emitter as an object, which keeps the two below */
	xsSlot* clock; /* a function that returns an integer and never throws nor goes back; NULL: the platform's clock */
	xsSlot* bytesOf; /* the function of that name in src/ring/bytes.ts */
	uint64_t suppressed;
	uint64_t invalidArguments;
	uint64_t unlistedTypes;
	uint64_t bootId;
	TelemetryReader* readers; /* those that are open, the oldest first */
	/* The allowance of messages, as in src/ring/limits.ts; without limits `perMs` is 0. */
	uint32_t perMs;
	uint32_t left;
	uint32_t most;
	uint32_t fullMs;
	int32_t lastMs;
	uint32_t isEnabled;
	uint32_t isQuick; /* isEnabled, and the clock is the platform's */
	uint32_t connections;
	uint32_t readersMade;
	uint32_t holders; /* this one and its readers: XS destroys those of a collection in any order */
	TelemetryRing ring;
#ifdef MODDEF_TELEMETRY_RETAINED
	TelemetryKept kept;
	uint32_t isTold; /* the boot's record has been asked for */
#endif
	uint32_t words[];
} TelemetryEmitter;

/** The first argument of a constructor that has so many. */
TelemetryEmitter* telemetryEmitterArgument(xsMachine* the, xsIntegerValue arguments);

void telemetryMarkEmitter(xsMachine* the, const TelemetryEmitter* emitter, xsMarkRoot markRoot);

/** The emitter, or one of its readers, is gone. The last one ends the memory. */
void telemetryDrop(TelemetryEmitter* emitter);

/** The token of the type that a message says, looked for in it; 0 if it is NULL. If the search is given up, that is counted. Changes the result. */
int32_t telemetryTypeOf(xsMachine* the, TelemetryEmitter* emitter, xsSlot* message);

/** The number that src/moddable/emitter.ts asks for becomes the result: as this reader sees it, as the first open one does for NULL. */
void telemetryCount(xsMachine* the, TelemetryEmitter* emitter, TelemetryReader* reader);

/** Adds to a counter of 64 bits. */
void telemetryAdd(uint64_t* counter, uint32_t count);

/** Whether telemetry is off; then so many calls are counted. */
int telemetryIsOff(TelemetryEmitter* emitter, uint32_t count);

/** Changes the result, and may run a script, if the clock is not the platform's. */
int32_t telemetryReadClock(xsMachine* the, TelemetryEmitter* emitter);

#endif
