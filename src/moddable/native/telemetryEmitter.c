/* The natives of an emitter: its life, its message types, its counters. */
#include <string.h>

#include "telemetryConnection.h"
#include "telemetryEmitter.h"
#include "telemetryMessageType.h"

/* The ranges that src/telemetry.ts allows. */
#define MIN_CAPACITY_SLOTS 16
#define MAX_CAPACITY_SLOTS 16777216
#define MAX_LIMIT 1000000
#define MAX_EVENTS 9007199254740991.0

void telemetryAdd(uint64_t* counter, uint32_t count)
{
	*counter += count;
}

/* LIFE */

void telemetryDrop(TelemetryEmitter* emitter)
{
	if (--emitter->holders > 0)
		return;
	/* The list has only readers that nobody closed. */
	while (emitter->readers) {
		TelemetryReader* reader = emitter->readers;
		emitter->readers = reader->next;
		c_free(reader);
	}
	telemetryTokensEnd(&emitter->tokens);
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->ring.kept)
		telemetryMemoryReturn();
#endif
	c_free(emitter);
}

void xs_telemetry_emitter_destructor(void* data)
{
	if (data)
		telemetryDrop(data);
}

static void markEmitter(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	TelemetryEmitter* emitter = data;
	if (emitter->clock)
		(*markRoot)(the, emitter->clock);
	(*markRoot)(the, emitter->bytesOf);
}

void telemetryMarkEmitter(xsMachine* the, const TelemetryEmitter* emitter, xsMarkRoot markRoot)
{
	(*markRoot)(the, emitter->self);
}

static const xsHostHooks emitterHooks = { .destructor = xs_telemetry_emitter_destructor, .marker = markEmitter };

/* Returns the emitter that an object is; throws if it is not one. */
static TelemetryEmitter* emitterOf(xsMachine* the, xsSlot* slot)
{
	return xsmcGetHostDataValidate(*slot, (void*)&emitterHooks);
}

static __attribute__((noinline)) TelemetryEmitter* thisEmitter(xsMachine* the)
{
	return emitterOf(the, &xsThis);
}

TelemetryEmitter* telemetryEmitterArgument(xsMachine* the, xsIntegerValue arguments)
{
	telemetryNeed(the, arguments);
	return emitterOf(the, &xsArg(0));
}

int telemetryIsOff(TelemetryEmitter* emitter, uint32_t count)
{
	if (emitter->isEnabled)
		return 0;
	telemetryAdd(&emitter->suppressed, count);
	return 1;
}

int32_t telemetryReadClock(xsMachine* the, TelemetryEmitter* emitter)
{
	if (!emitter->clock)
		return (int32_t)modMilliseconds();
	telemetryCallWith(the, emitter->clock, &xsThis); /* it has no parameter */
	return xsmcToInteger(xsResult);
}

#ifdef MODDEF_TELEMETRY_RETAINED
/* What the last argument asks for: nothing, only the record of the boot, or a ring that outlives a reset. */
enum { NOT_ASKED, ASKED, RETAINED };

static int asked(xsMachine* the)
{
	if (xsmcArgc <= 10 || xsmcTypeOf(xsArg(10)) != xsBooleanType)
		return NOT_ASKED;
	return xsmcToBoolean(xsArg(10)) ? RETAINED : ASKED;
}

static int isRetained(xsMachine* the)
{
	return asked(the) == RETAINED && telemetryMemoryBytes() > 0;
}
#endif

/* Returns an integer within bounds; throws if the argument is not one. */
static uint32_t setting(xsMachine* the, xsIntegerValue index, int32_t least, int32_t most)
{
	int32_t value = telemetryWhole(the, &xsArg(index), most);
	if (value < least)
		telemetryRefuse(the);
	return (uint32_t)value;
}

/** new Emitter(capacitySlots, discards, eventSeq, uptimeMs or undefined, bootId, clock or undefined, messageTypes, bytesOf, messagesPerSecond or 0, burst, retained: true, false or undefined) */
void xs_telemetry_emitter(xsMachine* the)
{
	uint32_t capacitySlots, messageTypes, messagesPerSecond, burst, bytes;
	TelemetryEmitter* emitter;
	double eventSeq, uptimeMs, bootId;
	telemetryNeed(the, 10);
	capacitySlots = setting(the, 0, MIN_CAPACITY_SLOTS, MAX_CAPACITY_SLOTS);
	messageTypes = setting(the, 6, 0, MAX_TOKENS);
	messagesPerSecond = setting(the, 8, 0, MAX_LIMIT);
	burst = setting(the, 9, 0, MAX_LIMIT);
	/* Any numbers are allowed. They may run a script, so they come before the memory. */
	eventSeq = xsmcToNumber(xsArg(2));
	uptimeMs = xsmcTypeOf(xsArg(3)) == xsUndefinedType ? modMilliseconds() : xsmcToNumber(xsArg(3));
	bootId = xsmcToNumber(xsArg(4));
	bytes = (capacitySlots + MAX_RECORD_SLOTS - 1) * SLOT_BYTES;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (isRetained(the)) {
		void* memory;
		if (telemetryKeptBytes(capacitySlots) > telemetryMemoryBytes())
			xsRangeError("capacityBytes: of memory that outlives a reset there are %u bytes, %u are needed", (unsigned)telemetryMemoryBytes(),
				(unsigned)telemetryKeptBytes(capacitySlots));
		memory = telemetryMemoryTake();
		if (!memory)
			xsRangeError("retained: another emitter has the memory that outlives a reset");
		emitter = c_calloc(1, sizeof(TelemetryEmitter));
		if (!emitter)
			telemetryMemoryReturn();
	}
	else
#endif
	emitter = c_calloc(1, sizeof(TelemetryEmitter) + bytes);
	if (!emitter)
		xsRangeError("capacityBytes: no memory for %u bytes", (unsigned)bytes);
	emitter->holders = 1;
	xsmcSetHostData(xsThis, emitter);
	emitter->bootId = (uint64_t)bootId;
	if (messagesPerSecond) {
		emitter->perMs = messagesPerSecond;
		emitter->left = emitter->most = burst * MESSAGE_COST;
		emitter->fullMs = (emitter->most + emitter->perMs - 1) / emitter->perMs;
		emitter->lastMs = emitter->ring.lowMs;
	}
	emitter->tokens.bound = messageTypes;
	emitter->tokens.seed = (uint32_t)emitter->bootId;
#ifdef MODDEF_TELEMETRY_RETAINED
	emitter->isTold = asked(the) != NOT_ASKED;
	if (isRetained(the))
		telemetryKeptStart(&emitter->kept, telemetryMemory(), capacitySlots, &emitter->ring, xsmcToBoolean(xsArg(1)), (uint64_t)uptimeMs,
			emitter->bootId, telemetryResetReason(), &emitter->tokens);
	else
#endif
	telemetryRingStart(&emitter->ring, emitter->words, capacitySlots, xsmcToBoolean(xsArg(1)), (uint64_t)eventSeq, (uint64_t)uptimeMs);
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->isTold && !isRetained(the))
		telemetryRingBoot(&emitter->ring, RECORD_BOOT | telemetryResetReason() << BOOT_RESET_SHIFT
			| (asked(the) == RETAINED ? RING_NO_MEMORY : RING_NOT_ASKED) << BOOT_RING_SHIFT, 0);
#endif
	emitter->self = fxToReference(the, &xsThis);
	emitter->clock = fxToReference(the, &xsArg(5));
	emitter->bytesOf = fxToReference(the, &xsArg(7));
	if (!emitter->bytesOf)
		telemetryRefuse(the); /* without hooks it is not an emitter */
	fxSetHostHooks(the, &xsThis, &emitterHooks);
}

void xs_telemetry_emitter_enable(xsMachine* the)
{
	TelemetryEmitter* emitter = thisEmitter(the);
	telemetryNeed(the, 1);
	emitter->isEnabled = xsmcToBoolean(xsArg(0));
	emitter->isQuick = emitter->isEnabled && !emitter->clock;
}

/** freeze(events) */
void xs_telemetry_emitter_freeze(xsMachine* the)
{
	TelemetryEmitter* emitter = thisEmitter(the);
	telemetryRingFreeze(&emitter->ring, telemetryAmount(the, telemetryArgument(the, 0), MAX_EVENTS, &emitter->invalidArguments, 1));
}

void xs_telemetry_emitter_thaw(xsMachine* the)
{
	telemetryRingThaw(&thisEmitter(the)->ring);
}

/* MESSAGE TYPES */

/* Returns the token of a name. Less than 0 bytes: there is no name, because the search for it was given up. */
static int32_t tokenOf(TelemetryEmitter* emitter, const uint8_t* name, int32_t bytes)
{
#ifdef MODDEF_TELEMETRY_RETAINED
	int32_t token = bytes < 0 ? -1 : emitter->ring.kept ? telemetryKeptToken(&emitter->kept, name, (uint32_t)bytes)
		: telemetryToken(&emitter->tokens, name, (uint32_t)bytes);
#else
	int32_t token = bytes < 0 ? -1 : telemetryToken(&emitter->tokens, name, (uint32_t)bytes);
#endif
	if (token >= 0)
		return token;
	telemetryAdd(&emitter->unlistedTypes, 1);
	return 0;
}

/** messageType(name) */
void xs_telemetry_message_type(xsMachine* the)
{
	TelemetryEmitter* emitter = thisEmitter(the);
	int32_t token = 0;
	if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) == xsStringType) {
		const char* name = xsmcToString(xsArg(0));
		/* No more of it is read than is needed to see that it is too long. */
		token = tokenOf(emitter, (const uint8_t*)name, (int32_t)strnlen(name, TELEMETRY_NAME_BYTES + 1));
	}
	else
		telemetryAdd(&emitter->invalidArguments, 1);
	xsmcSetInteger(xsResult, token);
}

int32_t telemetryTypeOf(xsMachine* the, TelemetryEmitter* emitter, xsSlot* message)
{
	TelemetryMessageType found;
	xsType type = message ? xsmcTypeOf(*message) : xsUndefinedType;
	xsUnsignedValue size = MESSAGE_IS_TEXT;
	void* text;
	int32_t bytes;
	if (type == xsReferenceType) {
		telemetryCallWith(the, emitter->bytesOf, message);
		message = &xsResult;
		type = xsmcTypeOf(xsResult);
	}
	if (type == xsReferenceType)
		xsmcGetBufferReadable(*message, &text, &size);
	else if (type == xsStringType)
		text = xsmcToString(*message);
	else
		return 0;
	bytes = telemetryMessageType(text, size, &found);
	return tokenOf(emitter, found.name, bytes);
}


/* COUNTERS */

/* The numbers by which emitter.ts asks for them. */
enum { EMITTED, DRAINED, OVERWRITTEN, DISCARDED, SUPPRESSED, INVALID_ARGUMENTS, UNLISTED_TYPES
#ifdef MODDEF_TELEMETRY_RETAINED
	, TOLD /* 1 if the boot's record was requested; without retained memory there is no such counter */
#endif
};

void telemetryCount(xsMachine* the, TelemetryEmitter* emitter, TelemetryReader* reader)
{
	TelemetryRing* ring = &emitter->ring;
	/* First, because it may run a script, which may close a reader. */
	xsIntegerValue which = xsmcArgc > 0 ? xsmcToInteger(xsArg(0)) : 0;
	const uint64_t none = 0;
	const uint64_t* values[] = { &ring->eventSeq, &none, &ring->evictedEvents, &ring->discarded, &emitter->suppressed,
		&emitter->invalidArguments, &emitter->unlistedTypes };
	if (!reader)
		reader = emitter->readers;
	if (reader) {
		values[DRAINED] = &reader->drained;
		values[OVERWRITTEN] = &reader->overwritten;
	}
#ifdef MODDEF_TELEMETRY_RETAINED
	if (which == TOLD) {
		xsmcSetNumber(xsResult, emitter->isTold);
		return;
	}
#endif
	telemetryRingSettle(ring);
	if (reader)
		telemetryReaderCatchUp(reader, ring);
	xsmcSetNumber(xsResult, (double)*values[(uint32_t)which % (sizeof(values) / sizeof(*values))]);
}

/** As the first open reader sees it. */
void xs_telemetry_emitter_count(xsMachine* the)
{
	telemetryCount(the, thisEmitter(the), NULL);
}
