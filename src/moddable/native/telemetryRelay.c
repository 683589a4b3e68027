/*
 * The way of a message through the adapter for callback servers: src/adapters/websocket.ts, and Traffic of src/adapters/adapter.ts, in C.
 * A connection's `callback` and `write` are host functions, whose property 0 is its relay. Each calls what it stands in front of, and
 * records; between them nothing of a script's runs but that.
 */
#include "telemetryConnection.h"

#define RECEIVE 3 /* what the server calls its callback with, for a message */

enum { NEXT, WRITE, OTHER, KEPT };

/** Of one connection. */
typedef struct {
	TelemetryConnection connection;
	xsSlot* kept[KEPT]; /* objects */
	int32_t fixedToken; /* of all messages */
	/* Of the message that is being handled, and not yet recorded. A slot of XS's stack, which stays until its handler has returned. */
	xsSlot* payload;
	int32_t token;
	uint8_t isPending;
	uint8_t isOver; /* nothing is recorded any more */
	uint8_t isSearching; /* a message's type is looked for */
	uint8_t payloads; /* messages are payloads */
} Relay;

/* LIFE */

void xs_telemetry_relay_destructor(void* data)
{
	c_free(data);
}

static void markRelay(xsMachine* the, void* data, xsMarkRoot markRoot)
{
	Relay* relay = data;
	telemetryMarkEmitter(the, relay->connection.emitter, markRoot);
	for (int index = 0; index < KEPT; index++)
		(*markRoot)(the, relay->kept[index]);
}

static const xsHostHooks relayHooks = { .destructor = xs_telemetry_relay_destructor, .marker = markRelay };

static Relay* relayOf(xsMachine* the, xsSlot* slot)
{
	return xsmcGetHostDataValidate(*slot, (void*)&relayHooks);
}

/* WHAT IS RECORDED. It changes the result, and may run scripts: a clock, and what looks at an object. */

static __attribute__((noinline)) int32_t tokenOf(xsMachine* the, Relay* relay, xsSlot* message)
{
	return relay->isSearching ? telemetryTypeOf(the, relay->connection.emitter, message) : relay->fixedToken;
}

/* Ends the message that is being handled. 0 if there is none, or nothing is to be recorded. */
static int end(Relay* relay)
{
	int isPending = relay->isPending;
	relay->isPending = 0;
	return isPending && !relay->isOver;
}

static void settle(xsMachine* the, Relay* relay)
{
	if (end(relay))
		telemetryReceived(the, &relay->connection, relay->token, relay->payload);
}

static void begin(xsMachine* the, Relay* relay, xsSlot* message)
{
	settle(the, relay);
	if (relay->isOver)
		return;
	relay->isPending = 1;
	relay->token = 0;
	relay->payload = NULL;
	relay->token = tokenOf(the, relay, message);
	if (relay->payloads)
		relay->payload = message;
}

static void sent(xsMachine* the, Relay* relay, xsSlot* message)
{
	int isAnswer;
	int32_t token;
	if (relay->payloads)
		settle(the, relay);
	isAnswer = end(relay);
	if (relay->isOver)
		return;
	token = tokenOf(the, relay, message);
	if (isAnswer)
		telemetryAnswered(the, &relay->connection, relay->token, token);
	else
		telemetrySent(the, &relay->connection, token, relay->payloads ? message : NULL);
}

/* THE FUNCTIONS OF A CONNECTION. Their variables: what was called returns; and the relay, for a script may take it from its function meanwhile. */

enum { RETURNED, RELAY, VARIABLES };

static Relay* enter(xsMachine* the)
{
	xsmcVars(VARIABLES);
	xsmcGetIndex(xsVar(RELAY), xsFunction, 0);
	return relayOf(the, &xsVar(RELAY));
}

/* Calls what the function stands in front of, as it was called itself. */
static void call(xsMachine* the, xsSlot* function)
{
	telemetryCall(the, function, &xsThis, xsmcArgc > 0 ? &xsArg(0) : NULL, xsmcArgc);
	telemetryCopySlot(&xsVar(RETURNED), &xsResult);
}

/** callback(message, value) */
static void relayCallback(xsMachine* the)
{
	Relay* relay = enter(the);
	if (xsmcArgc < 2 || xsmcTypeOf(xsArg(0)) != xsIntegerType || xsmcToInteger(xsArg(0)) != RECEIVE)
		call(the, relay->kept[OTHER]);
	else {
		begin(the, relay, &xsArg(1));
		xsTry {
			call(the, relay->kept[NEXT]);
		}
		xsCatch {
			xsVar(RETURNED) = xsException; /* what is called now may have caught another */
			settle(the, relay);
			xsThrow(xsVar(RETURNED));
		}
		settle(the, relay);
	}
	telemetryCopySlot(&xsResult, &xsVar(RETURNED));
}

/** write(message) */
static void relayWrite(xsMachine* the)
{
	Relay* relay = enter(the);
	call(the, relay->kept[WRITE]);
	sent(the, relay, xsmcArgc > 0 ? &xsArg(0) : NULL);
	telemetryCopySlot(&xsResult, &xsVar(RETURNED));
}

/* WHAT src/moddable/emitter.ts CALLS */

/* Sets a property of the relay to a host function of its own. */
static void give(xsMachine* the, xsIntegerValue index, xsCallback function)
{
	xsResult = xsNewHostFunction(function, 2);
	xsmcSetIndex(xsResult, 0, xsThis);
	xsmcSetIndex(xsThis, index, xsResult);
}

/** new Relay(connection, next, write, other, token, payloads): its property 0 is the function for `callback`, 1 that for `write`. */
void xs_telemetry_relay(xsMachine* the)
{
	Relay* relay = c_calloc(1, sizeof(Relay));
	xsmcSetHostData(xsThis, relay);
	if (!relay || xsmcArgc < 6)
		telemetryRefuse(the);
	relay->connection = *telemetryConnection(the, &xsArg(0));
	for (int index = 0; index < KEPT; index++) {
		relay->kept[index] = fxToReference(the, &xsArg(1 + index));
		if (!relay->kept[index])
			telemetryRefuse(the); /* without hooks it is no relay */
	}
	relay->isSearching = xsmcTypeOf(xsArg(4)) == xsUndefinedType;
	relay->fixedToken = telemetryWhole(the, &xsArg(4), 0xffff);
	relay->payloads = xsmcToBoolean(xsArg(5)) != 0;
	fxSetHostHooks(the, &xsThis, &relayHooks);
	give(the, 0, relayCallback);
	give(the, 1, relayWrite);
	xsmcSetUndefined(xsResult);
}

/** end(reason): of the message that is being handled. false if there is none. Without a reason it is received. */
void xs_telemetry_relay_end(xsMachine* the)
{
	Relay* relay = relayOf(the, &xsThis);
	xsBooleanValue isPending = relay->isPending;
	if (xsmcArgc < 1)
		settle(the, relay);
	else if (end(relay))
		telemetryRejected(the, &relay->connection, &xsArg(0), relay->token, relay->payload);
	xsmcSetBoolean(xsResult, isPending);
}

/** From here on nothing is recorded. */
void xs_telemetry_relay_stop(xsMachine* the)
{
	relayOf(the, &xsThis)->isOver = 1;
}
