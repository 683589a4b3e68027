/* The natives of a connection's messages, and their optional limits: an emitter's allowance, as in src/ring/limits.ts. */
#include "telemetryConnection.h"

#define RECEIVED (RECORD_MSG_RECV | RESULT_OK << RESULT_SHIFT | REASON_NONE << REASON_SHIFT)
#define REJECTED (RECORD_MSG_RECV | RESULT_REJECTED << RESULT_SHIFT)
#define SENT RECORD_MSG_SEND

/* Returns the bits of a message type; those of "" if the token is not in use, which is counted. */
static __attribute__((noinline)) uint32_t tokenField(TelemetryEmitter* emitter, int32_t token)
{
	if ((uint32_t)token <= emitter->tokens.count)
		return (uint32_t)token << MSG_TYPE_SHIFT;
	telemetryAdd(&emitter->invalidArguments, 1);
	return 0;
}

static int32_t tokenArgument(xsMachine* the, xsIntegerValue index)
{
	xsSlot* slot = telemetryArgument(the, index);
	return slot ? telemetryWhole(the, slot, MAX_TOKENS) : -1;
}

/* Whether one more message may be recorded. */
static __attribute__((noinline)) int allow(TelemetryEmitter* emitter, int32_t nowMs)
{
	if (nowMs != emitter->lastMs) {
		uint32_t elapsedMs = (uint32_t)nowMs - (uint32_t)emitter->lastMs;
		uint32_t left = emitter->left + elapsedMs * emitter->perMs;
		emitter->lastMs = nowMs;
		emitter->left = elapsedMs < emitter->fullMs && left < emitter->most ? left : emitter->most;
	}
	if (emitter->left < MESSAGE_COST)
		return 0;
	emitter->left -= MESSAGE_COST;
	return 1;
}

/* Counts messages beyond the limits, to be reported before the next record. */
static __attribute__((noinline)) void over(TelemetryEmitter* emitter, uint32_t count)
{
	emitter->suppressed += count;
	telemetryRingSuppress(&emitter->ring, count);
}

/* Records msg.recv or msg.send. Rejections have no limits. */
static void message(xsMachine* the, const TelemetryConnection* connection, uint32_t word1, int32_t token, xsSlot* payload)
{
	TelemetryEmitter* emitter = connection->emitter;
	if (telemetryIsOff(emitter, 1))
		return;
	if (emitter->perMs && (word1 >> RESULT_SHIFT & RESULT_LAST) != RESULT_REJECTED) {
		int isAllowed = allow(emitter, emitter->clock ? telemetryReadClock(the, emitter) : (int32_t)modMilliseconds());
		if (!isAllowed)
			over(emitter, 1);
		/* A script's clock may have switched telemetry off. */
		if (!isAllowed || (emitter->clock && telemetryIsOff(emitter, 1))) {
			xsmcSetUndefined(xsResult);
			return;
		}
	}
	telemetryRecord(the, connection, word1 | tokenField(emitter, token), payload);
}

/* message(token, payload) */
static __attribute__((noinline)) void anyMessage(xsMachine* the, const TelemetryConnection* chunk, uint32_t word1)
{
	TelemetryConnection copy = telemetryCopy(chunk);
	xsIntegerValue count = xsmcArgc;
	message(the, &copy, word1, count > 0 ? telemetryWhole(the, &xsArg(0), MAX_TOKENS) : -1, count > 1 ? &xsArg(1) : NULL);
}

/* The same, with the common case in a few instructions: a token, no payload, the platform's clock. */
static inline __attribute__((always_inline)) void quickMessage(xsMachine* the, uint32_t word1)
{
	TelemetryConnection* connection = xsmcGetHostChunkValidate(xsThis, (void*)&telemetryConnectionHooks);
	TelemetryEmitter* emitter = connection->emitter;
	if (emitter->isQuick && xsmcArgc == 1 && xsmcTypeOf(xsArg(0)) == xsIntegerType) {
		uint32_t token = (uint32_t)xsmcToInteger(xsArg(0));
		if (token <= emitter->tokens.count) {
			int32_t nowMs = (int32_t)modMilliseconds();
			if (emitter->perMs && !allow(emitter, nowMs))
				over(emitter, 1);
			else
				telemetryRingEvent(&emitter->ring, nowMs, word1 | token << MSG_TYPE_SHIFT, connection->clientId, connection->connEpoch);
			return;
		}
	}
	anyMessage(the, connection, word1);
}

void telemetryReceived(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload)
{
	message(the, connection, RECEIVED, token, payload);
}

void telemetrySent(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload)
{
	message(the, connection, SENT, token, payload);
}

void xs_telemetry_received(xsMachine* the)
{
	quickMessage(the, RECEIVED);
}

void xs_telemetry_sent(xsMachine* the)
{
	quickMessage(the, SENT);
}

void telemetryAnswered(xsMachine* the, const TelemetryConnection* connection, int32_t receivedToken, int32_t sentToken)
{
	TelemetryEmitter* emitter = connection->emitter;
	uint32_t received = RECEIVED;
	uint32_t sent = SENT;
	int32_t nowMs;
	if (telemetryIsOff(emitter, 2))
		return;
	if (emitter->perMs) {
		uint32_t taken;
		nowMs = telemetryReadClock(the, emitter);
		taken = allow(emitter, nowMs) ? 1 + (uint32_t)allow(emitter, nowMs) : 0;
		if (emitter->clock)
			xsmcSetUndefined(xsResult);
		if (taken < 2) {
			if (taken && !telemetryIsOff(emitter, 1))
				telemetryRecord(the, connection, received | tokenField(emitter, receivedToken), NULL);
			over(emitter, 2 - taken);
			return;
		}
		if (telemetryIsOff(emitter, 2))
			return;
	}
	received |= tokenField(emitter, receivedToken);
	sent |= tokenField(emitter, sentToken);
	nowMs = telemetryReadClock(the, emitter);
	telemetryRingEvent(&emitter->ring, nowMs, received, connection->clientId, connection->connEpoch);
	telemetryRingEvent(&emitter->ring, nowMs, sent, connection->clientId, connection->connEpoch);
	if (emitter->clock)
		xsmcSetUndefined(xsResult);
}

void xs_telemetry_answered(xsMachine* the)
{
	TelemetryConnection copy = telemetryCopy(telemetryConnection(the, &xsThis));
	telemetryAnswered(the, &copy, tokenArgument(the, 0), tokenArgument(the, 1));
}

void telemetryRejected(xsMachine* the, const TelemetryConnection* connection, xsSlot* reason, int32_t token, xsSlot* payload)
{
	int32_t code = reason ? telemetryWhole(the, reason, REASON_LAST) : -1;
	if (code > REASON_NONE) {
		message(the, connection, REJECTED | (uint32_t)code << REASON_SHIFT, token, payload);
		return;
	}
	telemetryAdd(&connection->emitter->suppressed, 1);
	connection->emitter->invalidArguments += connection->emitter->isEnabled;
}

void xs_telemetry_rejected(xsMachine* the)
{
	TelemetryConnection copy = telemetryCopy(telemetryConnection(the, &xsThis));
	telemetryRejected(the, &copy, telemetryArgument(the, 0), tokenArgument(the, 1), telemetryArgument(the, 2));
}
