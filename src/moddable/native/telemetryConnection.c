/* The natives of a connection, except its messages, and how an event with a text is recorded. */
#include "telemetryConnection.h"
#include "telemetryText.h"

#define MAX_CLOSE_CODE 65535

/* LIFE */

/* Do not read it here: XS has given up the chunk. The emitter lives as long as its connections, which mark it. */
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

/** A text argument, as telemetryText takes it. It stays valid until XS allocates. */
typedef struct {
	const uint8_t* from;
	const uint8_t* last;
} Text;

enum { NO_TEXT, EMPTY_TEXT, SOME_TEXT };

/* Examines the argument; one of a wrong type counts as missing, and is counted. */
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
		/* That may have run the caller's code, which may have emitted or drained: then the clock has been read since. */
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

/* Record types, by the slots of their text. */
static const uint8_t connects[] = WS_CONNECT_IP_BY_SLOTS;
static const uint8_t receives[] = MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS;
static const uint8_t sends[] = MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS;

void telemetryRecord(xsMachine* the, const TelemetryConnection* connection, uint32_t word1, xsSlot* slot)
{
	TelemetryEmitter* emitter = connection->emitter;
	int32_t nowMs = telemetryReadClock(the, emitter);
	uint32_t type = word1 & 0xff;
	uint32_t bytes = 0;
	uint32_t draft[MAX_TEXT_SLOTS * SLOT_WORDS];
	Text text;
	int kind = textArgument(the, emitter, slot, type != RECORD_WS_CONNECT, &text, &nowMs);
	if (kind == SOME_TEXT)
		bytes = telemetryText(text.from, text.last, (uint8_t*)draft, type == RECORD_WS_CONNECT ? IP_MAX_BYTES : PAYLOAD_SUMMARY_MAX_BYTES);
	if (kind != NO_TEXT) {
		const uint8_t* bySlots = type == RECORD_WS_CONNECT ? connects : type == RECORD_MSG_RECV ? receives : sends;
		word1 += bySlots[(bytes + SLOT_BYTES - 1) / SLOT_BYTES] - type;
	}
	if (bytes)
		telemetryRingText(&emitter->ring, nowMs, word1, connection->clientId, connection->connEpoch, draft, bytes);
	else
		telemetryRingEvent(&emitter->ring, nowMs, word1, connection->clientId, connection->connEpoch);
	xsmcSetUndefined(xsResult); /* it may hold what the clock or bytesOf returned */
}

/* CONNECTIONS */

/* Records an event without a text. `word1`: its first word after the time. */
static void plain(xsMachine* the, uint32_t word1)
{
	TelemetryConnection copy = telemetryCopy(telemetryConnection(the, &xsThis));
	TelemetryEmitter* emitter = copy.emitter;
	if (telemetryIsOff(emitter, 1))
		return;
	telemetryRingEvent(&emitter->ring, telemetryReadClock(the, emitter), word1, copy.clientId, copy.connEpoch);
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

/** new Connection(emitter, clientId, ip) */
void xs_telemetry_connection(xsMachine* the)
{
	TelemetryEmitter* emitter = telemetryEmitterArgument(the, 3);
	TelemetryConnection* chunk = xsmcSetHostChunk(xsThis, NULL, sizeof(TelemetryConnection));
	uint32_t clientId = (uint32_t)telemetryAmount(the, &xsArg(1), UINT32_MAX, &emitter->invalidArguments, emitter->isEnabled);
	TelemetryConnection connection = { emitter, clientId, emitter->connections };
	if (connection.connEpoch < LAST_CONN_EPOCH)
		emitter->connections++;
	*chunk = telemetryCopy(&connection);
	fxSetHostHooks(the, &xsThis, &telemetryConnectionHooks);
	if (!telemetryIsOff(emitter, 1))
		telemetryRecord(the, &connection, RECORD_WS_CONNECT, &xsArg(2));
}

/** typeOf(message) of a connection */
void xs_telemetry_type_of(xsMachine* the)
{
	TelemetryEmitter* emitter = telemetryConnection(the, &xsThis)->emitter;
	int32_t token = telemetryTypeOf(the, emitter, telemetryArgument(the, 0));
	xsmcSetInteger(xsResult, token);
}
