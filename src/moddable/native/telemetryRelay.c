/*
 * The path of a message through the adapter for callback servers: src/adapters/websocket.ts, and Traffic of src/adapters/adapter.ts, in C.
 * A connection's `callback` and `write` are host functions, whose property 0 is the relay. Each calls the function that it covers, and
 * records; no other code of a script runs in between.
 */
#include "telemetryConnection.h"

#define RECEIVE 3 /* the code with which the server calls its callback for a message */

enum { NEXT, WRITE, OTHER, KEPT };

/** State of one connection. */
typedef struct {
	TelemetryConnection connection;
	xsSlot* kept[KEPT]; /* objects */
	int32_t fixedToken; /* of all messages */
	/* Of the message that is being handled, and is not recorded yet. A slot of XS's stack, which stays until the handler has returned. */
	xsSlot* payload;
	int32_t token;
	uint8_t isPending;
	uint8_t isOver; /* nothing more is recorded */
	uint8_t isSearching; /* the type of a message is looked for */
	uint8_t payloads; /* messages are recorded as payloads */
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

/* WHAT IS RECORDED. It changes the result, and may run scripts: a clock, and code that examines an object. */

static __attribute__((noinline)) int32_t tokenOf(xsMachine* the, Relay* relay, xsSlot* message)
{
	return relay->isSearching ? telemetryTypeOf(the, relay->connection.emitter, message) : relay->fixedToken;
}

/* Ends the message that is being handled. Returns 0 if there is none, or nothing is to be recorded. */
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

/*
 * THE FUNCTIONS OF A CONNECTION. Their variables: the return value of the call; and the relay, because a script may take it from its
 * function meanwhile.
 */

enum { RETURNED, RELAY, VARIABLES };

static Relay* enter(xsMachine* the)
{
	xsmcVars(VARIABLES);
	xsmcGetIndex(xsVar(RELAY), xsFunction, 0);
	return relayOf(the, &xsVar(RELAY));
}

/* Calls the function that this one covers, in the way this one was called. */
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
			xsVar(RETURNED) = xsException; /* the function that is called now may have caught another */
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

/* Sets a property of the relay to its own host function. */
static void give(xsMachine* the, xsIntegerValue index, xsCallback function)
{
	xsResult = xsNewHostFunction(function, 2);
	xsmcSetIndex(xsResult, 0, xsThis);
	xsmcSetIndex(xsThis, index, xsResult);
}

/** new Relay(connection, next, write, other, token, payloads): its property 0 is the function for `callback`, 1 the one for `write`. */
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
			telemetryRefuse(the); /* without hooks it is not a relay */
	}
	relay->isSearching = xsmcTypeOf(xsArg(4)) == xsUndefinedType;
	relay->fixedToken = telemetryWhole(the, &xsArg(4), 0xffff);
	relay->payloads = xsmcToBoolean(xsArg(5)) != 0;
	fxSetHostHooks(the, &xsThis, &relayHooks);
	give(the, 0, relayCallback);
	give(the, 1, relayWrite);
	xsmcSetUndefined(xsResult);
}

/** end(reason): ends the message that is being handled. Returns false if there is none. Without a reason it counts as received. */
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

/** Nothing is recorded from here on. */
void xs_telemetry_relay_stop(xsMachine* the)
{
	relayOf(the, &xsThis)->isOver = 1;
}
