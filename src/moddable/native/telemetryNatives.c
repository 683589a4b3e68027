/*
 * The natives of emitter.ts: an emitter, its connections and readers as host objects of XS. One file, because the three hold each
 * other and nothing else is to see their structs.
 *
 * Whatever a script passes, nothing here reads or writes outside its memory. A method called on an object of another
 * class throws, as the private fields of src/ring/emitter.ts do; no other emission throws. A script may get hold of an emitter,
 * and call what only emitter.ts is to call: so that asks for its arguments here, and for their ranges.
 * XS may move its strings and buffers whenever it allocates or runs a script, so both come last: first the clock is
 * read, which may be a script's, then arguments are looked at, then the record is written.
 */
#include <string.h>

#include "telemetryLayout.h"
#include "telemetryMessageType.h"
#include "telemetryNatives.h"
#include "telemetryReader.h"
#include "telemetryRing.h"
#include "telemetryText.h"
#include "telemetryTokens.h"
#ifdef MODDEF_TELEMETRY_RETAINED
#include "../retained/telemetryMemory.h"
#endif

/* What src/telemetry.ts allows. */
#define MIN_CAPACITY_SLOTS 16
#define MAX_CAPACITY_SLOTS 16777216
#define MAX_TOKENS 65535
#define MAX_CLOSE_CODE 65535
#define MAX_LIMIT 1000000
#define MAX_EVENTS 9007199254740991.0

typedef TelemetryEmitter Emitter;
typedef TelemetryConnection Connection;

struct TelemetryEmitter {
	TelemetryRing ring;
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
	uint32_t isOpen; /* isEnabled, and messages have no limits */
	uint32_t isQuick; /* isOpen, and the clock is the platform's */
	uint32_t isQuickLimited; /* isEnabled, messages have limits, and the clock is the platform's */
	uint32_t connections;
	uint32_t readersMade;
	uint32_t holders; /* this one and its readers: XS destroys those of a collection in any order */
#ifdef MODDEF_TELEMETRY_RETAINED
	TelemetryKept kept;
	uint32_t isTold; /* the boot's record has been asked for */
#endif
	uint32_t words[];
};

typedef struct {
	TelemetryReader reader; /* first: the emitter's list links these */
	Emitter* emitter;
	uint8_t isClosed;
#ifdef MODDEF_TELEMETRY_RETAINED
	TelemetryPastReader past;
#endif
} Reader;

/* Adds to a counter of 64 bits. */
static __attribute__((noinline)) void add(uint64_t* counter, uint32_t count)
{
	*counter += count;
}

/* LIFE */

static void drop(Emitter* emitter)
{
	if (--emitter->holders > 0)
		return;
	/* Only readers that nobody closed are left in the list. */
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
		drop(data);
}

static void markEmitter(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Emitter* emitter = data;
	if (emitter->clock)
		(*markRoot)(the, emitter->clock);
	(*markRoot)(the, emitter->bytesOf);
}

/* Not to be read here: XS has given up the chunk. The emitter lives as long as its connections, which mark it. */
void xs_telemetry_connection_destructor(void* data)
{
	(void)data;
}

void telemetryMarkEmitter(xsMachine* the, const Emitter* emitter, xsMarkRoot markRoot)
{
	(*markRoot)(the, emitter->self);
}

static void markConnection(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Connection* connection = data;
	if (connection->emitter)
		telemetryMarkEmitter(the, connection->emitter, markRoot);
}

void xs_telemetry_reader_destructor(void* data)
{
	Reader* reader = data;
	Emitter* emitter;
	if (!reader)
		return;
	emitter = reader->emitter;
	/* An open reader goes on holding the ring, as one does that a script keeps. */
	if (reader->isClosed)
		c_free(reader);
	drop(emitter);
}

static void markReader(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Reader* reader = data;
	telemetryMarkEmitter(the, reader->emitter, markRoot);
}

static const xsHostHooks emitterHooks = { .destructor = xs_telemetry_emitter_destructor, .marker = markEmitter };
static const xsHostHooks connectionHooks = { .destructor = xs_telemetry_connection_destructor, .marker = markConnection };
static const xsHostHooks readerHooks = { .destructor = xs_telemetry_reader_destructor, .marker = markReader };

/* What `this` is; throws if it is something else. */
static Emitter* emitterOf(xsMachine* the, xsSlot* slot)
{
	return xsmcGetHostDataValidate(*slot, (void*)&emitterHooks);
}

void telemetryRefuse(xsMachine* the)
{
	xsRangeError("arguments");
}

/* XS does not look whether an argument is there. */
static void needArguments(xsMachine* the, xsIntegerValue count)
{
	if (xsmcArgc < count)
		telemetryRefuse(the);
}

/* `this` of a method with an argument. */
static Emitter* calledEmitter(xsMachine* the)
{
	needArguments(the, 1);
	return emitterOf(the, &xsThis);
}

/* What constructors get first. */
static Emitter* emitterArgument(xsMachine* the, xsIntegerValue arguments)
{
	needArguments(the, arguments);
	return emitterOf(the, &xsArg(0));
}

Connection* telemetryConnection(xsMachine* the, xsSlot* slot)
{
	return xsmcGetHostChunkValidate(*slot, (void*)&connectionHooks);
}

static Connection* connectionOf(xsMachine* the)
{
	return telemetryConnection(the, &xsThis);
}

static Reader* readerOf(xsMachine* the)
{
	return xsmcGetHostDataValidate(xsThis, (void*)&readerHooks);
}

/* ARGUMENTS */

/* An argument; NULL if it is not there. */
static __attribute__((noinline)) xsSlot* argument(xsMachine* the, xsIntegerValue index)
{
	return xsmcArgc > index ? &xsArg(index) : NULL;
}

int32_t telemetryWhole(xsMachine* the, xsSlot* slot, int32_t most)
{
	xsType type = xsmcTypeOf(*slot);
	int32_t value = -1;
	if (type == xsIntegerType)
		value = xsmcToInteger(*slot);
	else if (type == xsNumberType) {
		double number = xsmcToNumber(*slot); /* first: the other makes an integer of the argument itself */
		value = xsmcToInteger(*slot);
		if (value != number)
			value = -1;
	}
	return value <= most ? value : -1;
}

static uint32_t clientIdArgument(xsMachine* the, Emitter* emitter, xsSlot* slot)
{
	xsType type = xsmcTypeOf(*slot);
	double number = type == xsIntegerType || type == xsNumberType ? xsmcToNumber(*slot) : -1;
	uint32_t id = number > 0 ? number < 4294967296.0 ? (uint32_t)number : UINT32_MAX : 0;
	if (number != id)
		add(&emitter->invalidArguments, emitter->isEnabled);
	return id;
}

void telemetryCall(xsMachine* the, xsSlot* function, xsSlot* self, const xsSlot* arguments, xsIntegerValue count)
{
	/* What the macro xsCallFunction1 and its like are made of. */
	xsOverflow(-XS_FRAME_COUNT - count);
	fxPush(*self);
	fxPush(xsReference(function));
	fxCall(the);
	for (const xsSlot* end = arguments - count; arguments != end; arguments--)
		fxPush(*arguments);
	fxRunCount(the, count);
	xsResult = fxPop();
}

/* A function that does not ask what `this` is, nor for more than one argument. */
static void call(xsMachine* the, xsSlot* function, xsSlot* argument)
{
	telemetryCall(the, function, argument, argument, 1);
}

/** A text argument, as telemetryText takes it. It is where it is until XS allocates. */
typedef struct {
	const uint8_t* from;
	const uint8_t* last;
} Text;

enum { NO_TEXT, EMPTY_TEXT, SOME_TEXT };

/* What the argument is; one of a wrong type is none, and counted. */
static int textArgument(xsMachine* the, Emitter* emitter, xsSlot* slot, int bytesToo, Text* text, int32_t* nowMs)
{
	xsType type;
	if (!slot)
		return NO_TEXT;
	type = xsmcTypeOf(*slot);
	if (type == xsUndefinedType)
		return NO_TEXT;
	if (type == xsReferenceType && bytesToo) {
		void* bytes;
		xsUnsignedValue size;
		int32_t beforeMs = telemetryRingNewest(&emitter->ring);
		call(the, emitter->bytesOf, slot);
		slot = &xsResult;
		/* That may have run code of the caller's, which may have emitted or drained: then the clock has been read since. */
		if (telemetryRingNewest(&emitter->ring) != beforeMs)
			*nowMs = emitter->ring.lowMs;
		type = xsmcTypeOf(*slot);
		if (type == xsReferenceType) {
			xsmcGetBufferReadable(*slot, &bytes, &size);
			text->from = bytes;
			text->last = text->from + size;
			return SOME_TEXT;
		}
	}
	if (type == xsStringType) {
		text->from = (const uint8_t*)xsmcToString(*slot);
		text->last = NULL;
		return *text->from ? SOME_TEXT : EMPTY_TEXT;
	}
	add(&emitter->invalidArguments, 1);
	return NO_TEXT;
}

/* EMISSION */

static int32_t callClock(xsMachine* the, Emitter* emitter)
{
	call(the, emitter->clock, &xsThis); /* it has no parameter */
	return xsmcToInteger(xsResult);
}

static inline int32_t readClock(xsMachine* the, Emitter* emitter)
{
	return emitter->clock ? callClock(the, emitter) : (int32_t)modMilliseconds();
}

/* The record types of an event without a text, and by the slots that its text takes, of which `mostBytes` are kept. */
typedef struct {
	uint8_t mostBytes;
	uint8_t none;
	uint8_t bySlots[MAX_RECORD_SLOTS];
} Types;

#define MAX_TEXT_SLOTS (MAX_RECORD_SLOTS - 1)

#define RECEIVED (RESULT_OK << RESULT_SHIFT | REASON_NONE << REASON_SHIFT)

static const Types connectTypes = { IP_MAX_BYTES, RECORD_WS_CONNECT, WS_CONNECT_IP_BY_SLOTS };
static const Types receiveTypes = { PAYLOAD_SUMMARY_MAX_BYTES, RECORD_MSG_RECV, MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS };
static const Types sendTypes = { PAYLOAD_SUMMARY_MAX_BYTES, RECORD_MSG_SEND, MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS };

_Static_assert(CLIENT_ID_WORD == 2 && CONN_EPOCH_WORD == 3, "telemetryRing.h writes them there");

static inline void put(Emitter* emitter, int32_t nowMs, uint32_t word1, uint32_t clientId, uint32_t connEpoch)
{
	telemetryRingEvent(&emitter->ring, nowMs, word1, clientId, connEpoch);
}

/* Records an event that has a text at most. `fields` are the bits of word 1 beside the record type. */
static void putText(xsMachine* the, Emitter* emitter, const Types* types, uint32_t fields, uint32_t clientId, uint32_t connEpoch, xsSlot* slot)
{
	int32_t nowMs = readClock(the, emitter);
	Text text;
	int kind = textArgument(the, emitter, slot, types != &connectTypes, &text, &nowMs);
	if (kind != SOME_TEXT)
		put(emitter, nowMs, fields | (kind == NO_TEXT ? types->none : types->bySlots[0]), clientId, connEpoch);
	else {
		uint32_t draft[MAX_TEXT_SLOTS * SLOT_WORDS];
		uint32_t bytes = telemetryText(text.from, text.last, (uint8_t*)draft, types->mostBytes);
		uint32_t slots = (bytes + SLOT_BYTES - 1) / SLOT_BYTES;
		telemetryRingText(&emitter->ring, nowMs, fields | types->bySlots[slots], clientId, connEpoch, draft, bytes);
	}
	xsmcSetUndefined(xsResult); /* it may hold what the clock or bytesOf returned */
}

/* The bits of a message type; those of "" if it is no token in use, which is counted. */
static __attribute__((noinline)) uint32_t tokenField(Emitter* emitter, int32_t token)
{
	if ((uint32_t)token <= emitter->tokens.count)
		return (uint32_t)token << MSG_TYPE_SHIFT;
	add(&emitter->invalidArguments, 1);
	return 0;
}

static int32_t tokenArgument(xsMachine* the, xsIntegerValue index)
{
	return xsmcArgc > index ? telemetryWhole(the, &xsArg(index), MAX_TOKENS) : -1;
}

/* How many of so many messages may be recorded. */
static inline __attribute__((always_inline)) uint32_t allow(Emitter* emitter, uint32_t count, int32_t nowMs)
{
	uint32_t elapsedMs = (uint32_t)nowMs - (uint32_t)emitter->lastMs;
	uint32_t taken = 0;
	emitter->lastMs = nowMs;
	if (elapsedMs) {
		uint32_t left = emitter->left + elapsedMs * emitter->perMs;
		emitter->left = elapsedMs < emitter->fullMs && left < emitter->most ? left : emitter->most;
	}
	for (; taken < count && emitter->left >= MESSAGE_COST; taken++)
		emitter->left -= MESSAGE_COST;
	return taken;
}

/* Counts messages over the limits, to be told before the next record. */
static __attribute__((noinline)) void over(Emitter* emitter, uint32_t count)
{
	add(&emitter->suppressed, count);
	telemetryRingSuppress(&emitter->ring, count);
}

/* The same, where the clock may be a script's; none while telemetry is off, or if the clock switches it off. `rest`: how many are over the limits. */
static uint32_t admitted(xsMachine* the, Emitter* emitter, uint32_t count, uint32_t* rest)
{
	uint32_t taken = count;
	*rest = 0;
	if (emitter->isEnabled) {
		taken = allow(emitter, count, readClock(the, emitter));
		*rest = count - taken;
		if (emitter->clock)
			xsmcSetUndefined(xsResult);
		if (emitter->isEnabled)
			return taken;
	}
	add(&emitter->suppressed, taken);
	return 0;
}

static void message(xsMachine* the, const Connection* connection, const Types* types, uint32_t fields, int32_t token, xsSlot* payload);

/* A message of an emitter that has limits. Rejections have none. */
static __attribute__((noinline)) void limitedMessage(xsMachine* the, const Connection* connection, const Types* types, uint32_t fields,
	int32_t token, xsSlot* payload)
{
	/* Before the clock: it may be a script's, and move the connection. */
	Emitter* emitter = connection->emitter;
	uint32_t clientId = connection->clientId;
	uint32_t connEpoch = connection->connEpoch;
	if ((fields >> RESULT_SHIFT & RESULT_LAST) != RESULT_REJECTED) {
		if (emitter->clock) {
			uint32_t rest;
			uint32_t taken = admitted(the, emitter, 1, &rest);
			if (rest)
				over(emitter, rest);
			if (!taken)
				return;
		}
		else if (!allow(emitter, 1, (int32_t)modMilliseconds())) {
			over(emitter, 1);
			return;
		}
	}
	fields |= tokenField(emitter, token);
	putText(the, emitter, types, fields, clientId, connEpoch, payload);
}

/* msg.recv or msg.send. */
static void message(xsMachine* the, const Connection* connection, const Types* types, uint32_t fields, int32_t token, xsSlot* payload)
{
	Emitter* emitter = connection->emitter;
	if (!emitter->isOpen) {
		if (emitter->isEnabled)
			limitedMessage(the, connection, types, fields, token, payload);
		else
			add(&emitter->suppressed, 1);
		return;
	}
	fields |= tokenField(emitter, token);
	putText(the, emitter, types, fields, connection->clientId, connection->connEpoch, payload);
}

/* message(token, payload), the common case in a few instructions: a token, no payload, the platform's clock. */
static inline __attribute__((always_inline)) void quickMessage(xsMachine* the, const Types* types, uint32_t fields, int isLimited)
{
	Connection* connection = xsmcGetHostChunkValidate(xsThis, (void*)&connectionHooks);
	Emitter* emitter = connection->emitter;
	if ((isLimited ? emitter->isQuickLimited : emitter->isQuick) && xsmcArgc == 1 && xsmcTypeOf(xsArg(0)) == xsIntegerType) {
		uint32_t token = (uint32_t)xsmcToInteger(xsArg(0));
		if (token <= emitter->tokens.count) {
			int32_t nowMs;
			fields |= types->none | token << MSG_TYPE_SHIFT;
			nowMs = (int32_t)modMilliseconds();
			if (!isLimited || allow(emitter, 1, nowMs))
				put(emitter, nowMs, fields, connection->clientId, connection->connEpoch);
			else
				over(emitter, 1);
			return;
		}
	}
	if (isLimited && emitter->isEnabled)
		limitedMessage(the, connection, types, fields, tokenArgument(the, 0), argument(the, 1));
	else
		message(the, connection, types, fields, tokenArgument(the, 0), argument(the, 1));
}

void telemetryReceived(xsMachine* the, const Connection* connection, int32_t token, xsSlot* payload)
{
	message(the, connection, &receiveTypes, RECEIVED, token, payload);
}

void telemetrySent(xsMachine* the, const Connection* connection, int32_t token, xsSlot* payload)
{
	message(the, connection, &sendTypes, 0, token, payload);
}

void xs_telemetry_received(xsMachine* the)
{
	quickMessage(the, &receiveTypes, RECEIVED, 0);
}

void xs_telemetry_sent(xsMachine* the)
{
	quickMessage(the, &sendTypes, 0, 0);
}

void xs_telemetry_limited_received(xsMachine* the)
{
	quickMessage(the, &receiveTypes, RECEIVED, 1);
}

void xs_telemetry_limited_sent(xsMachine* the)
{
	quickMessage(the, &sendTypes, 0, 1);
}

void telemetryAnswered(xsMachine* the, const Connection* connection, int32_t receivedToken, int32_t sentToken)
{
	Emitter* emitter = connection->emitter;
	uint32_t clientId = connection->clientId;
	uint32_t connEpoch = connection->connEpoch;
	uint32_t received = RECORD_MSG_RECV | RECEIVED;
	uint32_t sent = RECORD_MSG_SEND;
	int32_t nowMs;
	if (!emitter->isOpen) {
		uint32_t rest;
		uint32_t count = admitted(the, emitter, 2, &rest);
		if (count == 1)
			putText(the, emitter, &receiveTypes, RECEIVED | tokenField(emitter, receivedToken), clientId, connEpoch, NULL);
		if (rest)
			over(emitter, rest);
		if (count < 2)
			return;
	}
	received |= tokenField(emitter, receivedToken);
	sent |= tokenField(emitter, sentToken);
	nowMs = readClock(the, emitter);
	put(emitter, nowMs, received, clientId, connEpoch);
	put(emitter, nowMs, sent, clientId, connEpoch);
	if (emitter->clock)
		xsmcSetUndefined(xsResult);
}

void xs_telemetry_answered(xsMachine* the)
{
	telemetryAnswered(the, connectionOf(the), tokenArgument(the, 0), tokenArgument(the, 1));
}

void telemetryRejected(xsMachine* the, const Connection* connection, xsSlot* reason, int32_t token, xsSlot* payload)
{
	int32_t code = reason ? telemetryWhole(the, reason, REASON_LAST) : -1;
	if (code > REASON_NONE) {
		message(the, connection, &receiveTypes, RESULT_REJECTED << RESULT_SHIFT | (uint32_t)code << REASON_SHIFT, token, payload);
		return;
	}
	add(&connection->emitter->suppressed, 1);
	connection->emitter->invalidArguments += connection->emitter->isEnabled;
}

void xs_telemetry_rejected(xsMachine* the)
{
	telemetryRejected(the, connectionOf(the), argument(the, 0), tokenArgument(the, 1), argument(the, 2));
}

/* An event without a text. `word1`: its first word behind the time. */
static void plain(xsMachine* the, uint32_t word1)
{
	Connection* connection = connectionOf(the);
	Emitter* emitter = connection->emitter;
	uint32_t clientId = connection->clientId;
	uint32_t connEpoch = connection->connEpoch;
	if (!emitter->isEnabled) {
		add(&emitter->suppressed, 1);
		return;
	}
	put(emitter, readClock(the, emitter), word1, clientId, connEpoch);
	if (emitter->clock)
		xsmcSetUndefined(xsResult);
}

void xs_telemetry_connected(xsMachine* the)
{
	plain(the, RECORD_WS_CONNECTED);
}

void xs_telemetry_disconnected(xsMachine* the)
{
	xsSlot* slot = argument(the, 0);
	uint32_t word1 = RECORD_WS_DISCONNECT;
	if (slot && xsmcTypeOf(*slot) != xsUndefinedType) {
		Emitter* emitter = connectionOf(the)->emitter;
		int32_t code = telemetryWhole(the, slot, MAX_CLOSE_CODE);
		if (code >= 0)
			word1 = RECORD_WS_DISCONNECT_CLOSE_CODE | (uint32_t)code << CLOSE_CODE_SHIFT;
		else
			add(&emitter->invalidArguments, emitter->isEnabled);
	}
	plain(the, word1);
}

/** new Connection(emitter, clientId, ip) */
void xs_telemetry_connection(xsMachine* the)
{
	Emitter* emitter = emitterArgument(the, 3);
	Connection* connection = xsmcSetHostChunk(xsThis, NULL, sizeof(Connection));
	uint32_t clientId = clientIdArgument(the, emitter, &xsArg(1));
	uint32_t connEpoch = emitter->connections;
	if (connEpoch < LAST_CONN_EPOCH)
		emitter->connections++;
	*connection = (Connection){ emitter, clientId, connEpoch };
	xsSetHostHooks(xsThis, &connectionHooks);
	if (emitter->isEnabled)
		putText(the, emitter, &connectTypes, 0, clientId, connEpoch, &xsArg(2));
	else
		add(&emitter->suppressed, 1);
}

/* THE EMITTER */

#ifdef MODDEF_TELEMETRY_RETAINED
/* What the last argument asks for: nothing, a boot's record alone, or a ring that outlives a reset. */
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

/** new Emitter(capacitySlots, discards, eventSeq, uptimeMs or undefined, bootId, clock or undefined, messageTypes, bytesOf, messagesPerSecond or 0, burst, retained: true, false or undefined) */
void xs_telemetry_emitter(xsMachine* the)
{
	int32_t capacitySlots, messageTypes, messagesPerSecond, burst;
	uint32_t bytes;
	Emitter* emitter;
	double eventSeq, uptimeMs, bootId;
	needArguments(the, 10);
	capacitySlots = telemetryWhole(the, &xsArg(0), MAX_CAPACITY_SLOTS);
	messageTypes = telemetryWhole(the, &xsArg(6), MAX_TOKENS);
	messagesPerSecond = telemetryWhole(the, &xsArg(8), MAX_LIMIT);
	burst = telemetryWhole(the, &xsArg(9), MAX_LIMIT);
	if (capacitySlots < MIN_CAPACITY_SLOTS || messageTypes < 0 || messagesPerSecond < 0 || burst < 0)
		telemetryRefuse(the);
	/* Any numbers do. A script may run for them, so they come before the memory. */
	eventSeq = xsmcToNumber(xsArg(2));
	uptimeMs = xsmcTypeOf(xsArg(3)) == xsUndefinedType ? modMilliseconds() : xsmcToNumber(xsArg(3));
	bootId = xsmcToNumber(xsArg(4));
	bytes = ((uint32_t)capacitySlots + MAX_RECORD_SLOTS - 1) * SLOT_BYTES;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (isRetained(the)) {
		void* memory;
		if (telemetryKeptBytes((uint32_t)capacitySlots) > telemetryMemoryBytes())
			xsRangeError("capacityBytes: of memory that outlives a reset there are %u bytes, %u are needed", (unsigned)telemetryMemoryBytes(),
				(unsigned)telemetryKeptBytes((uint32_t)capacitySlots));
		memory = telemetryMemoryTake();
		if (!memory)
			xsRangeError("retained: another emitter has the memory that outlives a reset");
		emitter = c_calloc(1, sizeof(Emitter));
		if (!emitter)
			telemetryMemoryReturn();
	}
	else
#endif
	emitter = c_calloc(1, sizeof(Emitter) + bytes);
	if (!emitter)
		xsRangeError("capacityBytes: no memory for %u bytes", (unsigned)bytes);
	emitter->holders = 1;
	xsmcSetHostData(xsThis, emitter);
	emitter->bootId = (uint64_t)bootId;
	if (messagesPerSecond) {
		emitter->perMs = (uint32_t)messagesPerSecond;
		emitter->left = emitter->most = (uint32_t)burst * MESSAGE_COST;
		emitter->fullMs = (emitter->most + emitter->perMs - 1) / emitter->perMs;
		emitter->lastMs = emitter->ring.lowMs;
	}
	emitter->tokens.bound = (uint32_t)messageTypes;
	emitter->tokens.seed = (uint32_t)emitter->bootId;
#ifdef MODDEF_TELEMETRY_RETAINED
	emitter->isTold = asked(the) != NOT_ASKED;
	if (isRetained(the))
		telemetryKeptStart(&emitter->kept, telemetryMemory(), (uint32_t)capacitySlots, &emitter->ring, xsmcToBoolean(xsArg(1)), (uint64_t)uptimeMs,
			emitter->bootId, telemetryResetReason(), &emitter->tokens);
	else
#endif
	telemetryRingStart(&emitter->ring, emitter->words, (uint32_t)capacitySlots, xsmcToBoolean(xsArg(1)), (uint64_t)eventSeq, (uint64_t)uptimeMs);
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->isTold && !isRetained(the))
		telemetryRingBoot(&emitter->ring, RECORD_BOOT | telemetryResetReason() << BOOT_RESET_SHIFT
			| (asked(the) == RETAINED ? RING_NO_MEMORY : RING_NOT_ASKED) << BOOT_RING_SHIFT, 0);
#endif
	emitter->self = fxToReference(the, &xsThis);
	emitter->clock = fxToReference(the, &xsArg(5));
	emitter->bytesOf = fxToReference(the, &xsArg(7));
	if (!emitter->bytesOf)
		telemetryRefuse(the); /* without hooks it is no emitter */
	xsSetHostHooks(xsThis, &emitterHooks);
}

void xs_telemetry_emitter_enable(xsMachine* the)
{
	Emitter* emitter = calledEmitter(the);
	emitter->isEnabled = xsmcToBoolean(xsArg(0));
	emitter->isOpen = emitter->isEnabled && !emitter->perMs;
	emitter->isQuick = emitter->isOpen && !emitter->clock;
	emitter->isQuickLimited = emitter->isEnabled && emitter->perMs && !emitter->clock;
}

/** freeze(events) */
void xs_telemetry_emitter_freeze(xsMachine* the)
{
	Emitter* emitter = emitterOf(the, &xsThis);
	xsType type = xsmcArgc > 0 ? xsmcTypeOf(xsArg(0)) : xsUndefinedType;
	double number = type == xsIntegerType || type == xsNumberType ? xsmcToNumber(xsArg(0)) : -1;
	uint64_t events = number > 0 ? number < MAX_EVENTS ? (uint64_t)number : (uint64_t)MAX_EVENTS : 0;
	if (number != (double)events)
		add(&emitter->invalidArguments, 1);
	telemetryRingFreeze(&emitter->ring, events);
}

void xs_telemetry_emitter_thaw(xsMachine* the)
{
	telemetryRingThaw(&emitterOf(the, &xsThis)->ring);
}

/* MESSAGE TYPES */

/* The token of a name; less than 0 bytes: of none, because the search for it was given up. */
static int32_t tokenOf(Emitter* emitter, const uint8_t* name, int32_t bytes)
{
#ifdef MODDEF_TELEMETRY_RETAINED
	int32_t token = bytes < 0 ? -1 : emitter->ring.kept ? telemetryKeptToken(&emitter->kept, name, (uint32_t)bytes)
		: telemetryToken(&emitter->tokens, name, (uint32_t)bytes);
#else
	int32_t token = bytes < 0 ? -1 : telemetryToken(&emitter->tokens, name, (uint32_t)bytes);
#endif
	if (token >= 0)
		return token;
	add(&emitter->unlistedTypes, 1);
	return 0;
}

/** messageType(name) */
void xs_telemetry_message_type(xsMachine* the)
{
	Emitter* emitter = emitterOf(the, &xsThis);
	int32_t token = 0;
	if (xsmcArgc > 0 && xsmcTypeOf(xsArg(0)) == xsStringType) {
		const char* name = xsmcToString(xsArg(0));
		/* No more is looked at than tells that it is too long. */
		token = tokenOf(emitter, (const uint8_t*)name, (int32_t)strnlen(name, TELEMETRY_NAME_BYTES + 1));
	}
	else
		add(&emitter->invalidArguments, 1);
	xsmcSetInteger(xsResult, token);
}

int32_t telemetryTypeOf(xsMachine* the, Emitter* emitter, xsSlot* message)
{
	TelemetryMessageType found;
	xsType type = message ? xsmcTypeOf(*message) : xsUndefinedType;
	xsUnsignedValue size = MESSAGE_IS_TEXT;
	void* text;
	int32_t bytes;
	if (type == xsReferenceType) {
		call(the, emitter->bytesOf, message);
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

/** typeOf(message) of a connection */
void xs_telemetry_type_of(xsMachine* the)
{
	Emitter* emitter = connectionOf(the)->emitter;
	int32_t token = telemetryTypeOf(the, emitter, argument(the, 0));
	xsmcSetInteger(xsResult, token);
}

/* COUNTERS */

/* The numbers that emitter.ts asks for. */
enum { EMITTED, DRAINED, OVERWRITTEN, DISCARDED, SUPPRESSED, INVALID_ARGUMENTS, UNLISTED_TYPES
#ifdef MODDEF_TELEMETRY_RETAINED
	, TOLD /* 1 if the boot's record was asked for; without this there is none, and EMITTED, 0 at first, in its place */
#endif
};

/* `reader` NULL: as the first open one sees it. */
static void count(xsMachine* the, Emitter* emitter, TelemetryReader* reader)
{
	TelemetryRing* ring = &emitter->ring;
	/* First: it may run a script, which may close a reader. */
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
	count(the, emitterOf(the, &xsThis), NULL);
}

/* READERS */

/* Under "discard" the slowest reader decides what may be evicted; without a reader nothing may. */
static void protect(Emitter* emitter)
{
	uint64_t position = emitter->readers ? UINT64_MAX : emitter->ring.tail;
	for (TelemetryReader* reader = emitter->readers; reader; reader = reader->next) {
		if (reader->position < position)
			position = reader->position;
	}
	telemetryRingProtect(&emitter->ring, position);
}

/** new Reader(emitter) */
void xs_telemetry_reader(xsMachine* the)
{
	Emitter* emitter = emitterArgument(the, 1);
	TelemetryReader** link = &emitter->readers;
	Reader* reader = c_calloc(1, sizeof(Reader));
	if (!reader)
		xsRangeError("no memory for a reader");
	telemetryRingSettle(&emitter->ring);
	telemetryReaderStart(&reader->reader, &emitter->ring, emitter->bootId, emitter->readersMade++);
	reader->emitter = emitter;
	while (*link)
		link = &(*link)->next;
	*link = &reader->reader;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->ring.kept)
		telemetryKeepMade(&emitter->kept, &reader->reader, 1);
#endif
	protect(emitter);
	emitter->holders++;
	xsmcSetHostData(xsThis, reader);
	xsSetHostHooks(xsThis, &readerHooks);
}

void xs_telemetry_reader_close(xsMachine* the)
{
	Reader* reader = readerOf(the);
	Emitter* emitter = reader->emitter;
	TelemetryReader** link = &emitter->readers;
	if (reader->isClosed)
		return;
	reader->isClosed = 1;
	while (*link != &reader->reader)
		link = &(*link)->next;
	*link = reader->reader.next;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (emitter->ring.kept)
		telemetryKeepMade(&emitter->kept, &reader->reader, 0);
#endif
	telemetryRingSettle(&emitter->ring);
	protect(emitter);
}

/** The next packets tell all tokens again. Begun again and again, they would keep the records from ever being sent. */
void xs_telemetry_reader_repeat_tokens(xsMachine* the)
{
	TelemetryReader* reader = &readerOf(the)->reader;
	if (reader->tokensSent == 0 || reader->repeatedAt == reader->dataPackets + 1)
		return;
	reader->repeatedAt = reader->dataPackets + 1;
	reader->tokensSent = 0;
}

void xs_telemetry_reader_count(xsMachine* the)
{
	Reader* reader = readerOf(the);
	count(the, reader->emitter, &reader->reader);
}

#ifdef MODDEF_TELEMETRY_RETAINED
/* The least that other open readers than this have of the boots before. */
static uint32_t othersAt(Emitter* emitter, Reader* reader)
{
	uint32_t least = UINT32_MAX;
	for (TelemetryReader* each = emitter->readers; each; each = each->next) {
		if (each != &reader->reader && ((Reader*)each)->past.at < least)
			least = ((Reader*)each)->past.at;
	}
	return least;
}
#endif

/** fill(buffer): next() of a Uint8Array with room for the least packet. */
void xs_telemetry_reader_fill(xsMachine* the)
{
	Reader* reader = readerOf(the);
	Emitter* emitter = reader->emitter;
	TelemetryRing* ring = &emitter->ring;
	void* to;
	xsUnsignedValue size;
	uint32_t bytes = 0;
	needArguments(the, 1);
	if (!reader->isClosed)
		telemetryRingTick(ring, readClock(the, emitter));
	/* After the clock, which may be a script's, and have moved the buffer, detached it, or closed this reader. */
	xsmcGetBufferWritable(xsArg(0), &to, &size);
	if (size < MIN_PACKET_BUFFER_BYTES)
		telemetryRefuse(the);
	if (size > MAX_PACKET_BYTES)
		size = MAX_PACKET_BYTES;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (!reader->isClosed && ring->kept) {
		bytes = telemetryKeptFill(&emitter->kept, ring, &reader->reader, &reader->past, othersAt(emitter, reader), to, size);
		protect(emitter);
	}
	else
#endif
	if (!reader->isClosed) {
		telemetryReaderCatchUp(&reader->reader, ring);
		if (reader->reader.position != ring->head) {
			if (reader->reader.tokensSent < emitter->tokens.count)
				bytes = telemetryNamesPacket(&reader->reader, ring, &emitter->tokens, to, size);
			else {
				bytes = telemetryDataPacket(&reader->reader, ring, to, size);
				protect(emitter);
			}
		}
	}
	xsmcSetInteger(xsResult, (xsIntegerValue)bytes);
}
