/* The emitter as a host object of XS, as its connections and readers see it. */
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
	xsSlot* clock; /* a function that returns an integer, and never throws nor goes back; NULL: the platform's clock */
	xsSlot* bytesOf; /* the function of that name in src/ring/bytes.ts */
	uint64_t suppressed;
	uint64_t invalidArguments;
	uint64_t unlistedTypes;
	uint64_t bootId;
	TelemetryReader* readers; /* the open ones, oldest first */
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
	uint32_t holders; /* this one and its readers: XS destroys the objects of a collection in any order */
	TelemetryRing ring;
#ifdef MODDEF_TELEMETRY_RETAINED
	TelemetryKept kept;
	uint32_t isTold; /* the record of the boot was requested */
#endif
	uint32_t words[];
} TelemetryEmitter;

/** The first argument of a constructor with this many arguments. */
TelemetryEmitter* telemetryEmitterArgument(xsMachine* the, xsIntegerValue arguments);

void telemetryMarkEmitter(xsMachine* the, const TelemetryEmitter* emitter, xsMarkRoot markRoot);

/** The emitter, or one of its readers, is gone. The last one frees the memory. */
void telemetryDrop(TelemetryEmitter* emitter);

/**
 * Returns the token of the type that a message states, which is looked for in it; 0 if the message is NULL. A search that is given up is
 * counted. Changes the result.
 */
int32_t telemetryTypeOf(xsMachine* the, TelemetryEmitter* emitter, xsSlot* message);

/** Makes a counter the result, by its number in src/moddable/emitter.ts: as this reader sees it, for NULL as the first open reader does. */
void telemetryCount(xsMachine* the, TelemetryEmitter* emitter, TelemetryReader* reader);

/** Adds to a counter of 64 bits. */
void telemetryAdd(uint64_t* counter, uint32_t count);

/** Whether telemetry is off; if so, counts that many calls. */
int telemetryIsOff(TelemetryEmitter* emitter, uint32_t count);

/** Changes the result, and may run a script if the clock is not the platform's. */
int32_t telemetryReadClock(xsMachine* the, TelemetryEmitter* emitter);

#endif
