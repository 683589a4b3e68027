/* The natives of a connection but its messages, and how an event with a text is recorded. */
#include "telemetryConnection.h"
#include "telemetryText.h"

#define MAX_CLOSE_CODE 65535

/* LIFE */

/* Not to be read here: XS has given up the chunk. The emitter lives as long as its connections, which mark it. */
void xs_telemetry_connection_destructor(void* data)
{
	(void)data;
}

static void markConnection(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	TelemetryConnection* connection = data;
	if (connection->emitter)
		telemetryMarkEmitter(the, connection->emitter, markRoot);
}

const xsHostHooks telemetryConnectionHooks = { .destructor = xs_telemetry_connection_destructor, .marker = markConnection };

TelemetryConnection* telemetryConnection(xsMachine* the, xsSlot* slot)
{
	return xsmcGetHostChunkValidate(*slot, (void*)&telemetryConnectionHooks);
}

/* AN EVENT WITH A TEXT */

/** A text argument, as telemetryText takes it. It is where it is until XS allocates. */
typedef struct {
	const uint8_t* from;
	const uint8_t* last;
} Text;

enum { NO_TEXT, EMPTY_TEXT, SOME_TEXT };

/* What the argument is; one of a wrong type is none, and counted. */
static int textArgument(xsMachine* the, TelemetryEmitter* emitter, xsSlot* slot, int bytesToo, Text* text, int32_t* nowMs)
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
		telemetryCallWith(the, emitter->bytesOf, slot);
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
	telemetryAdd(&emitter->invalidArguments, 1);
	return NO_TEXT;
}

#define MAX_TEXT_SLOTS (MAX_RECORD_SLOTS - 1)

const TelemetryTypes telemetryConnectTypes = { IP_MAX_BYTES, RECORD_WS_CONNECT, WS_CONNECT_IP_BY_SLOTS };

void telemetryPutText(xsMachine* the, TelemetryEmitter* emitter, const TelemetryTypes* types, uint32_t fields, uint32_t clientId,
	uint32_t connEpoch, xsSlot* slot)
{
	int32_t nowMs = telemetryReadClock(the, emitter);
	Text text;
	int kind = textArgument(the, emitter, slot, types != &telemetryConnectTypes, &text, &nowMs);
	if (kind != SOME_TEXT)
		telemetryRingEvent(&emitter->ring, nowMs, fields | (kind == NO_TEXT ? types->none : types->bySlots[0]), clientId, connEpoch);
	else {
		uint32_t draft[MAX_TEXT_SLOTS * SLOT_WORDS];
		uint32_t bytes = telemetryText(text.from, text.last, (uint8_t*)draft, types->mostBytes);
		uint32_t slots = (bytes + SLOT_BYTES - 1) / SLOT_BYTES;
		telemetryRingText(&emitter->ring, nowMs, fields | types->bySlots[slots], clientId, connEpoch, draft, bytes);
	}
	xsmcSetUndefined(xsResult); /* it may hold what the clock or bytesOf returned */
}

/* CONNECTIONS */

/* An event without a text. `word1`: its first word behind the time. */
static void plain(xsMachine* the, uint32_t word1)
{
	TelemetryConnection* connection = telemetryConnection(the, &xsThis);
	TelemetryEmitter* emitter = connection->emitter;
	uint32_t clientId = connection->clientId;
	uint32_t connEpoch = connection->connEpoch;
	if (!emitter->isEnabled) {
		telemetryAdd(&emitter->suppressed, 1);
		return;
	}
	telemetryRingEvent(&emitter->ring, telemetryReadClock(the, emitter), word1, clientId, connEpoch);
	if (emitter->clock)
		xsmcSetUndefined(xsResult);
}

void xs_telemetry_connected(xsMachine* the)
{
	plain(the, RECORD_WS_CONNECTED);
}

void xs_telemetry_disconnected(xsMachine* the)
{
	xsSlot* slot = telemetryArgument(the, 0);
	uint32_t word1 = RECORD_WS_DISCONNECT;
	if (slot && xsmcTypeOf(*slot) != xsUndefinedType) {
		TelemetryEmitter* emitter = telemetryConnection(the, &xsThis)->emitter;
		int32_t code = telemetryWhole(the, slot, MAX_CLOSE_CODE);
		if (code >= 0)
			word1 = RECORD_WS_DISCONNECT_CLOSE_CODE | (uint32_t)code << CLOSE_CODE_SHIFT;
		else
			telemetryAdd(&emitter->invalidArguments, emitter->isEnabled);
	}
	plain(the, word1);
}

static uint32_t clientIdArgument(xsMachine* the, TelemetryEmitter* emitter, xsSlot* slot)
{
	xsType type = xsmcTypeOf(*slot);
	double number = type == xsIntegerType || type == xsNumberType ? xsmcToNumber(*slot) : -1;
	uint32_t id = number > 0 ? number < 4294967296.0 ? (uint32_t)number : UINT32_MAX : 0;
	if (number != id)
		telemetryAdd(&emitter->invalidArguments, emitter->isEnabled);
	return id;
}

/** new Connection(emitter, clientId, ip) */
void xs_telemetry_connection(xsMachine* the)
{
	TelemetryEmitter* emitter = telemetryEmitterArgument(the, 3);
	TelemetryConnection* connection = xsmcSetHostChunk(xsThis, NULL, sizeof(TelemetryConnection));
	uint32_t clientId = clientIdArgument(the, emitter, &xsArg(1));
	uint32_t connEpoch = emitter->connections;
	if (connEpoch < LAST_CONN_EPOCH)
		emitter->connections++;
	*connection = (TelemetryConnection){ emitter, clientId, connEpoch };
	xsSetHostHooks(xsThis, &telemetryConnectionHooks);
	if (emitter->isEnabled)
		telemetryPutText(the, emitter, &telemetryConnectTypes, 0, clientId, connEpoch, &xsArg(2));
	else
		telemetryAdd(&emitter->suppressed, 1);
}

/** typeOf(message) of a connection */
void xs_telemetry_type_of(xsMachine* the)
{
	TelemetryEmitter* emitter = telemetryConnection(the, &xsThis)->emitter;
	int32_t token = telemetryTypeOf(the, emitter, telemetryArgument(the, 0));
	xsmcSetInteger(xsResult, token);
}
