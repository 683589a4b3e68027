/* The natives of a connection's messages, and the limits that they may have: an emitter's allowance, as in src/ring/limits.ts. */
#include "telemetryConnection.h"

#define RECEIVED (RESULT_OK << RESULT_SHIFT | REASON_NONE << REASON_SHIFT)

static const TelemetryTypes receiveTypes = { PAYLOAD_SUMMARY_MAX_BYTES, RECORD_MSG_RECV, MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS };
static const TelemetryTypes sendTypes = { PAYLOAD_SUMMARY_MAX_BYTES, RECORD_MSG_SEND, MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS };

/* The bits of a message type; those of "" if it is no token in use, which is counted. */
static __attribute__((noinline)) uint32_t tokenField(TelemetryEmitter* emitter, int32_t token)
{
	if ((uint32_t)token <= emitter->tokens.count)
		return (uint32_t)token << MSG_TYPE_SHIFT;
	telemetryAdd(&emitter->invalidArguments, 1);
	return 0;
}

static int32_t tokenArgument(xsMachine* the, xsIntegerValue index)
{
	return xsmcArgc > index ? telemetryWhole(the, &xsArg(index), MAX_TOKENS) : -1;
}

/* How many of so many messages may be recorded. */
static inline __attribute__((always_inline)) uint32_t allow(TelemetryEmitter* emitter, uint32_t count, int32_t nowMs)
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
static __attribute__((noinline)) void over(TelemetryEmitter* emitter, uint32_t count)
{
	telemetryAdd(&emitter->suppressed, count);
	telemetryRingSuppress(&emitter->ring, count);
}

/* The same, where the clock may be a script's; none while telemetry is off, or if the clock switches it off. `rest`: how many are over the limits. */
static uint32_t admitted(xsMachine* the, TelemetryEmitter* emitter, uint32_t count, uint32_t* rest)
{
	uint32_t taken = count;
	*rest = 0;
	if (emitter->isEnabled) {
		taken = allow(emitter, count, telemetryReadClock(the, emitter));
		*rest = count - taken;
		if (emitter->clock)
			xsmcSetUndefined(xsResult);
		if (emitter->isEnabled)
			return taken;
	}
	telemetryAdd(&emitter->suppressed, taken);
	return 0;
}

static void message(xsMachine* the, const TelemetryConnection* connection, const TelemetryTypes* types, uint32_t fields, int32_t token,
	xsSlot* payload);

/* A message of an emitter that has limits. Rejections have none. */
static __attribute__((noinline)) void limitedMessage(xsMachine* the, const TelemetryConnection* connection, const TelemetryTypes* types,
	uint32_t fields, int32_t token, xsSlot* payload)
{
	/* Before the clock: it may be a script's, and move the connection. */
	TelemetryEmitter* emitter = connection->emitter;
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
	telemetryPutText(the, emitter, types, fields, clientId, connEpoch, payload);
}

/* msg.recv or msg.send. */
static void message(xsMachine* the, const TelemetryConnection* connection, const TelemetryTypes* types, uint32_t fields, int32_t token,
	xsSlot* payload)
{
	TelemetryEmitter* emitter = connection->emitter;
	if (!emitter->isOpen) {
		if (emitter->isEnabled)
			limitedMessage(the, connection, types, fields, token, payload);
		else
			telemetryAdd(&emitter->suppressed, 1);
		return;
	}
	fields |= tokenField(emitter, token);
	telemetryPutText(the, emitter, types, fields, connection->clientId, connection->connEpoch, payload);
}

/* message(token, payload), the common case in a few instructions: a token, no payload, the platform's clock. */
static inline __attribute__((always_inline)) void quickMessage(xsMachine* the, const TelemetryTypes* types, uint32_t fields, int isLimited)
{
	TelemetryConnection* connection = xsmcGetHostChunkValidate(xsThis, (void*)&telemetryConnectionHooks);
	TelemetryEmitter* emitter = connection->emitter;
	if ((isLimited ? emitter->isQuickLimited : emitter->isQuick) && xsmcArgc == 1 && xsmcTypeOf(xsArg(0)) == xsIntegerType) {
		uint32_t token = (uint32_t)xsmcToInteger(xsArg(0));
		if (token <= emitter->tokens.count) {
			int32_t nowMs;
			fields |= types->none | token << MSG_TYPE_SHIFT;
			nowMs = (int32_t)modMilliseconds();
			if (!isLimited || allow(emitter, 1, nowMs))
				telemetryRingEvent(&emitter->ring, nowMs, fields, connection->clientId, connection->connEpoch);
			else
				over(emitter, 1);
			return;
		}
	}
	if (isLimited && emitter->isEnabled)
		limitedMessage(the, connection, types, fields, tokenArgument(the, 0), telemetryArgument(the, 1));
	else
		message(the, connection, types, fields, tokenArgument(the, 0), telemetryArgument(the, 1));
}

void telemetryReceived(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload)
{
	message(the, connection, &receiveTypes, RECEIVED, token, payload);
}

void telemetrySent(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload)
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

/* One function for both: they are long. */
static __attribute__((noinline)) void limited(xsMachine* the, const TelemetryTypes* types, uint32_t fields)
{
	quickMessage(the, types, fields, 1);
}

void xs_telemetry_limited_received(xsMachine* the)
{
	limited(the, &receiveTypes, RECEIVED);
}

void xs_telemetry_limited_sent(xsMachine* the)
{
	limited(the, &sendTypes, 0);
}

void telemetryAnswered(xsMachine* the, const TelemetryConnection* connection, int32_t receivedToken, int32_t sentToken)
{
	TelemetryEmitter* emitter = connection->emitter;
	uint32_t clientId = connection->clientId;
	uint32_t connEpoch = connection->connEpoch;
	uint32_t received = RECORD_MSG_RECV | RECEIVED;
	uint32_t sent = RECORD_MSG_SEND;
	int32_t nowMs;
	if (!emitter->isOpen) {
		uint32_t rest;
		uint32_t count = admitted(the, emitter, 2, &rest);
		if (count == 1)
			telemetryPutText(the, emitter, &receiveTypes, RECEIVED | tokenField(emitter, receivedToken), clientId, connEpoch, NULL);
		if (rest)
			over(emitter, rest);
		if (count < 2)
			return;
	}
	received |= tokenField(emitter, receivedToken);
	sent |= tokenField(emitter, sentToken);
	nowMs = telemetryReadClock(the, emitter);
	telemetryRingEvent(&emitter->ring, nowMs, received, clientId, connEpoch);
	telemetryRingEvent(&emitter->ring, nowMs, sent, clientId, connEpoch);
	if (emitter->clock)
		xsmcSetUndefined(xsResult);
}

void xs_telemetry_answered(xsMachine* the)
{
	telemetryAnswered(the, telemetryConnection(the, &xsThis), tokenArgument(the, 0), tokenArgument(the, 1));
}

void telemetryRejected(xsMachine* the, const TelemetryConnection* connection, xsSlot* reason, int32_t token, xsSlot* payload)
{
	int32_t code = reason ? telemetryWhole(the, reason, REASON_LAST) : -1;
	if (code > REASON_NONE) {
		message(the, connection, &receiveTypes, RESULT_REJECTED << RESULT_SHIFT | (uint32_t)code << REASON_SHIFT, token, payload);
		return;
	}
	telemetryAdd(&connection->emitter->suppressed, 1);
	connection->emitter->invalidArguments += connection->emitter->isEnabled;
}

void xs_telemetry_rejected(xsMachine* the)
{
	telemetryRejected(the, telemetryConnection(the, &xsThis), telemetryArgument(the, 0), tokenArgument(the, 1), telemetryArgument(the, 2));
}
