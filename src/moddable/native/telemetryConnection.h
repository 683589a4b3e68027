/* Connections as host objects of XS: what telemetryRelay.c calls of them, and what telemetryMessages.c and telemetryConnection.c share. */
#ifndef telemetryConnection_h
#define telemetryConnection_h

#include "telemetryEmitter.h"

/** The chunk of a host object; a copy of it is valid as long as the emitter is marked. */
typedef struct {
	TelemetryEmitter* emitter;
	uint32_t clientId;
	uint32_t connEpoch;
} TelemetryConnection;

/** Field by field: a compiler that optimises for size calls memcpy for the whole, which takes ten times as long. */
static inline TelemetryConnection telemetryCopy(const TelemetryConnection* connection)
{
	return (TelemetryConnection){ connection->emitter, connection->clientId, connection->connEpoch };
}

extern const xsHostHooks telemetryConnectionHooks;

/** Returns the connection that an object is; throws if it is not one. The chunk moves whenever XS allocates. */
TelemetryConnection* telemetryConnection(xsMachine* the, xsSlot* slot);

_Static_assert(CLIENT_ID_WORD == 2 && CONN_EPOCH_WORD == 3, "telemetryRing.h writes them there");

/** Records an event, with or without a text, of a connection that does not move. `word1` has the record type without a text. */
void telemetryRecord(xsMachine* the, const TelemetryConnection* connection, uint32_t word1, xsSlot* slot);

/*
 * received(), rejected(), sent() and answered() of a connection that may move during the call, so of a copy of it. An invalid token is
 * counted. `payload`: a slot that stays where it is, NULL if there is none.
 */
void telemetryReceived(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload);
void telemetryRejected(xsMachine* the, const TelemetryConnection* connection, xsSlot* reason, int32_t token, xsSlot* payload);
void telemetrySent(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload);
void telemetryAnswered(xsMachine* the, const TelemetryConnection* connection, int32_t receivedToken, int32_t sentToken);

#endif
