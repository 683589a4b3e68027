/* What telemetryRelay.c calls of telemetryNatives.c. */
#ifndef telemetryNatives_h
#define telemetryNatives_h

#include <stdint.h>

#include "xsPlatform.h"
#include "xsmc.h"
#include "xsHost.h"

typedef struct TelemetryEmitter TelemetryEmitter;

/** A host object's chunk; a copy of it is good as long as the emitter is marked. */
typedef struct {
	TelemetryEmitter* emitter;
	uint32_t clientId;
	uint32_t connEpoch;
} TelemetryConnection;

/** What an object is; throws if it is no connection. The chunk moves whenever XS allocates. */
TelemetryConnection* telemetryConnection(xsMachine* the, xsSlot* slot);

void telemetryMarkEmitter(xsMachine* the, const TelemetryEmitter* emitter, xsMarkRoot markRoot);

/** Throws RangeError. */
void telemetryRefuse(xsMachine* the) __attribute__((noreturn));

/** Calls a function, with arguments as they lie in a call's frame: each below the one before. What it returns is the result. */
void telemetryCall(xsMachine* the, xsSlot* function, xsSlot* self, const xsSlot* arguments, xsIntegerValue count);

/** A whole number from 0 to `most`; less than 0 for everything else. */
int32_t telemetryWhole(xsMachine* the, xsSlot* slot, int32_t most);

/** The token of the type that a message says, looked for in it; 0 if it is NULL. If the search is given up, that is counted. Changes the result. */
int32_t telemetryTypeOf(xsMachine* the, TelemetryEmitter* emitter, xsSlot* message);

/*
 * received(), rejected(), sent() and answered() of a connection that may move while they last: of a copy of it. A token that is none is
 * counted. `payload`: a slot that stays where it is, NULL if there is none.
 */
void telemetryReceived(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload);
void telemetryRejected(xsMachine* the, const TelemetryConnection* connection, xsSlot* reason, int32_t token, xsSlot* payload);
void telemetrySent(xsMachine* the, const TelemetryConnection* connection, int32_t token, xsSlot* payload);
void telemetryAnswered(xsMachine* the, const TelemetryConnection* connection, int32_t receivedToken, int32_t sentToken);

#endif
