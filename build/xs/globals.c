/* The globals that look inside the machine: heap, gc, timers, native. The others are in natives.c. */
#include "xsAll.h"
#include "host.h"

/* HEAP COUNTERS */

static int collections = 0;

/* XS counts its collections only when built for instrumentation. A live object with a marker sees each of them once. */
static void countCollection(txMachine* the, void* data, txMarkRoot markRoot)
{
	(void)the; (void)data; (void)markRoot;
	collections++;
}

static const txHostHooks collectionHooks = { NULL, countCollection, NULL };

static void heapSlots(txMachine* the)
{
	mxResult->value.integer = the->currentHeapCount;
	mxResult->kind = XS_INTEGER_KIND;
}

static void heapChunkBytes(txMachine* the)
{
	mxResult->value.integer = the->currentChunksSize;
	mxResult->kind = XS_INTEGER_KIND;
}

static void heapCollections(txMachine* the)
{
	mxResult->value.integer = collections;
	mxResult->kind = XS_INTEGER_KIND;
}

static void collect(txMachine* the)
{
	fxCollectGarbage(the);
}

/* TIMERS */

typedef struct Timer {
	struct Timer* next; /* by due time, then by age */
	txSlot callback;
	txInteger id;
	txNumber dueMs;
} Timer;

static Timer* timers = NULL;
static txInteger lastTimerID = 0;

static void forgetTimer(txMachine* the, Timer* timer)
{
	fxForget(the, &timer->callback);
	free(timer);
}

static void setTimer(txMachine* the)
{
	txNumber delayMs = mxArgc > 1 ? fxToNumber(the, mxArgv(1)) : 0;
	Timer** at = &timers;
	Timer* timer;
	if (mxArgc < 1 || !fxIsCallable(the, mxArgv(0)))
		mxTypeError("setTimeout: the callback is no function");
	timer = calloc(1, sizeof(Timer));
	if (!timer)
		fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	timer->id = ++lastTimerID;
	timer->dueMs = hostNowMs() + (delayMs > 0 ? delayMs : 0);
	timer->callback.kind = mxArgv(0)->kind;
	timer->callback.value = mxArgv(0)->value;
	fxRemember(the, &timer->callback);
	while (*at && (*at)->dueMs <= timer->dueMs)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	mxResult->value.integer = timer->id;
	mxResult->kind = XS_INTEGER_KIND;
}

static void clearTimer(txMachine* the)
{
	txInteger id = mxArgc > 0 && mxArgv(0)->kind == XS_INTEGER_KIND ? mxArgv(0)->value.integer : 0;
	for (Timer** at = &timers; *at; at = &(*at)->next) {
		if ((*at)->id == id) {
			Timer* timer = *at;
			*at = timer->next;
			forgetTimer(the, timer);
			return;
		}
	}
}

int hostRunFirstTimer(txMachine* the)
{
	Timer* timer = timers;
	txNumber waitMs;
	if (!timer)
		return 0;
	fflush(stdout);
	while ((waitMs = timer->dueMs - hostNowMs()) > 0)
		hostSleep(waitMs);
	timers = timer->next;
	mxPushUndefined();
	mxPushSlot(&timer->callback);
	mxCall();
	forgetTimer(the, timer);
	mxRunCount(0);
	mxPop();
	return 1;
}

/* GLOBALS */

void xs_host_names(txMachine* the);
void xs_host_print(txMachine* the);
void xs_host_readFile(txMachine* the);
void xs_host_writeFile(txMachine* the);
void xs_host_stringOf(txMachine* the);

static void native(txMachine* the)
{
	txString name = fxToString(the, mxArgc > 0 ? mxArgv(0) : mxResult);
	txCallback callback = hostFindNative(name);
	if (!callback)
		mxReferenceError("no C function %s in this host", name);
	mxResult->value.hostFunction.builder = hostNewBuilder(the, callback, 0, XS_NO_ID);
	mxResult->value.hostFunction.profileID = fxGenerateProfileID(the);
	mxResult->kind = XS_HOST_FUNCTION_KIND;
}

/* Gives the second object on the stack a property with the value on top of it, and drops the value. */
static void addProperty(txMachine* the, txString name)
{
	txSlot* value = the->stack;
	txSlot* object = value + 1;
	mxPushSlot(value);
	mxPushSlot(object);
	fxSetID(the, fxID(the, name));
	mxPop();
	mxPop();
}

void hostAddFunction(txMachine* the, txString name, txCallback callback, txInteger length)
{
	fxNewHostFunction(the, callback, length, fxID(the, name), XS_NO_ID);
	addProperty(the, name);
}

void hostAddGlobals(txMachine* the, char** arguments)
{
	static txSlot counter; /* a root of its own: the script may drop `heap` */
	txInteger index = 0;

	fxNewHostObject(the, NULL);
	fxSetHostHooks(the, the->stack, &collectionHooks);
	fxSetHostData(the, the->stack, &counter); /* XS leaves out a marker without data */
	mxPullSlot(&counter);
	fxRemember(the, &counter);

	xs_host_names(the);

	mxPush(mxGlobal);
	hostAddFunction(the, "print", xs_host_print, 1);
	hostAddFunction(the, "readFile", xs_host_readFile, 1);
	hostAddFunction(the, "writeFile", xs_host_writeFile, 2);
	hostAddFunction(the, "stringOf", xs_host_stringOf, 1);
	hostAddFunction(the, "setTimeout", setTimer, 2);
	hostAddFunction(the, "clearTimeout", clearTimer, 1);
	hostAddFunction(the, "native", native, 1);
	hostAddFunction(the, "gc", collect, 0);
	hostStartPlatform(the);

	fxNewObject(the);
	hostAddFunction(the, "slots", heapSlots, 0);
	hostAddFunction(the, "chunkBytes", heapChunkBytes, 0);
	hostAddFunction(the, "collections", heapCollections, 0);
	mxPushInteger((txInteger)sizeof(txSlot));
	addProperty(the, "slotBytes");
	addProperty(the, "heap");

	fxNewArray(the, 0);
	for (; *arguments; arguments++, index++) {
		txSlot* array = the->stack;
		mxPushStringC(*arguments);
		mxPushSlot(array);
		fxSetIndex(the, (txIndex)index);
		mxPop();
	}
	addProperty(the, "args");
	mxPop();
}
