/*
 * xs-host: runs one ES module in the XS engine, with the settings of an ESP32.
 *
 * This file has the machine: its memory, its loop, its end. linux.c has what Linux provides; ../bare, ../rv32 and ../xtensa replace it on a
 * bare processor.
 */
#include "xsAll.h"
#include "host.h"

/* What is wrong, where, and the way out: the messages of exit code 2. */
static const char usage[] =
	"usage: xs-host [--module NAME=PATH]... [--slots N] [--chunks BYTES] [--limit BYTES]"
#if mxStress
	" [--stress]"
#endif
	" MAIN.js [ARG]...\n"
	"       xs-host --bytecode MODULE.js\n"
	"       xs-host --linked MODULE.js\n";

/* Room for tens of thousands of calls that allocate, before the first collection. */
static txSize initialSlots = 512 * 1024;
static txSize initialChunkBytes = 32 * 1024 * 1024;

/* Both heaps grow up to this. A program that runs out of memory must end the test, not the computer it runs on. */
static size_t limitBytes = 512 * 1024 * 1024;
static size_t allocatedBytes = 0;

#if mxStress
extern int gxStress; /* in XS: if 1, it collects before each allocation */
static int isStressed = 0;
#endif

static int hasSettled = 0;

/* If set, the module is not run: this prints information about its compiled form. */
static void (*printCompiled)(txMachine* the, const char* path) = NULL;

void hostFail(void)
{
	fflush(stdout);
	fflush(stderr);
	_exit(1); /* not exit: the machine may be in any state */
}

/* MEMORY */

int hostTakeFromLimit(size_t bytes)
{
	if (bytes > limitBytes - allocatedBytes)
		return 0;
	allocatedBytes += bytes;
	return 1;
}

txSlot* fxAllocateSlots(txMachine* the, txSize count)
{
	size_t bytes = (size_t)count * sizeof(txSlot);
	(void)the;
	return hostTakeFromLimit(bytes) ? malloc(bytes) : NULL;
}

void fxFreeSlots(txMachine* the, void* slots)
{
	(void)the;
	free(slots);
}

void* fxAllocateChunks(txMachine* the, txSize size)
{
	(void)the;
	return hostTakeFromLimit((size_t)size) ? malloc((size_t)size) : NULL;
}

void fxFreeChunks(txMachine* the, void* chunks)
{
	(void)the;
	free(chunks);
}

void fxCreateMachinePlatform(txMachine* the)
{
	(void)the;
}

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);

/* In that build each chunk is a c_malloc of XS, which calls none of the functions above. */
void* hostMalloc(size_t bytes)
{
	allocatedBytes = __sanitizer_get_current_allocated_bytes();
	if (bytes > limitBytes || allocatedBytes > limitBytes - bytes)
		fxAbort(NULL, XS_NOT_ENOUGH_MEMORY_EXIT);
	return malloc(bytes);
}
#endif

/* THE END */

/* Prints what was thrown on stderr: its stack, which begins with its name and message, or else its value. */
static void reportException(txMachine* the, const char* what)
{
	txSlot* top;
	mxPush(mxException);
	top = the->stack;
	fflush(stdout);
	fprintf(stderr, "%s: ", what);
	{
		mxTry(the) {
			mxPushSlot(top);
			if (mxIsReference(top)) {
				mxGetID(mxID(_stack));
				if (mxIsUndefined(the->stack))
					mxPushSlot(top);
			}
			hostWriteString(stderr, fxToString(the, the->stack));
		}
		mxCatch(the) {
			fprintf(stderr, "a value that cannot be made a string");
		}
	}
	fprintf(stderr, "\n");
	the->stack = top + 1;
}

/* XS calls this when it cannot go on. */
void fxAbort(txMachine* the, int status)
{
	fflush(stdout);
	switch (status) {
	case XS_STACK_OVERFLOW_EXIT:
		fprintf(stderr, "xs-host: stack overflow: the stack has %d slots\n", (int)(the->stackTop - the->stackBottom));
		break;
	case XS_NOT_ENOUGH_MEMORY_EXIT:
		fprintf(stderr, "xs-host: memory full: %zu bytes in use, the limit is %zu: see --limit\n", allocatedBytes, limitBytes);
		break;
	case XS_NO_MORE_KEYS_EXIT:
		fprintf(stderr, "xs-host: too many different property names\n");
		break;
	case XS_UNHANDLED_EXCEPTION_EXIT:
		reportException(the, "uncaught exception");
		break;
	case XS_UNHANDLED_REJECTION_EXIT:
		reportException(the, "unhandled rejection");
		break;
	default:
		fprintf(stderr, "xs-host: XS gave up, status %d\n", status);
		break;
	}
	hostFail();
}

/* RUN */

void fxQueuePromiseJobs(txMachine* the)
{
	the->hasPromiseJobs = 1;
}

static void mainFulfilled(txMachine* the)
{
	(void)the;
	hasSettled = 1;
}

static void mainRejected(txMachine* the)
{
	mxException.kind = mxArgv(0)->kind;
	mxException.value = mxArgv(0)->value;
	fxAbort(the, XS_UNHANDLED_EXCEPTION_EXIT);
}

static void importMain(txMachine* the, txString path)
{
	mxPushStringC(path);
	fxRunImport(the, mxModuleInstanceInternal(mxProgram.value.reference)->value.module.realm, XS_NO_ID);
	mxDub();
	fxGetID(the, mxID(_then));
	mxCall();
	fxNewHostFunction(the, mainFulfilled, 1, XS_NO_ID, XS_NO_ID);
	fxNewHostFunction(the, mainRejected, 1, XS_NO_ID, XS_NO_ID);
	mxRunCount(2);
	mxPop();
}

static void runJobs(txMachine* the)
{
	for (;;) {
		while (the->hasPromiseJobs) {
			the->hasPromiseJobs = 0;
			fxRunPromiseJobs(the);
		}
		fxEndJob(the);
		if (the->hasPromiseJobs)
			continue;
		if (!hostRunFirstTimer(the))
			break;
	}
	fxCheckUnhandledRejections(the, 1);
}

static void run(txMachine* the, char* path, char** arguments)
{
	fxBeginHost(the);
	{
		mxTry(the) {
			hostAddGlobals(the, arguments);
#if mxStress
			gxStress = isStressed;
#endif
			if (printCompiled) {
				printCompiled(the, path);
				hasSettled = 1;
			}
			else {
				importMain(the, path);
				runJobs(the);
			}
		}
		mxCatch(the) {
			fxAbort(the, XS_UNHANDLED_EXCEPTION_EXIT);
		}
	}
	fxEndHost(the);
	if (!hasSettled) {
		fprintf(stderr, "xs-host: %s: a top-level await never came to an end\n", path);
		hostFail();
	}
}

static void runMachine(char* path, char** arguments)
{
	txCreation creation = {
		.initialChunkSize = initialChunkBytes,
		.incrementalChunkSize = 8 * 1024 * 1024,
		.initialHeapCount = initialSlots,
		.incrementalHeapCount = 128 * 1024,
		.stackCount = 32 * 1024,
		.initialKeyCount = 4 * 1024,
		.incrementalKeyCount = 1024,
		.nameModulo = 1993,
		.symbolModulo = 127,
		.parserBufferSize = 256 * 1024, /* the longest string literal */
		.parserTableModulo = 1993,
	};
	txMachine* the = fxCreateMachine(&creation, "xs-host", NULL, XS_NO_ID);
	if (!the) {
		fprintf(stderr, "xs-host: no memory for a heap of %d slots and %d bytes of chunks: see --slots, --chunks, --limit\n",
			(int)initialSlots, (int)initialChunkBytes);
		hostFail();
	}
	run(the, path, arguments);
	fxDeleteMachine(the);
}

static int fail(const char* format, const char* what)
{
	fprintf(stderr, "xs-host: ");
	fprintf(stderr, format, what);
	fprintf(stderr, "\n%s", usage);
	return 2;
}

static int takeNumber(const char* text, size_t most, size_t* number)
{
	char* end;
	unsigned long long value = strtoull(text, &end, 10);
	*number = (size_t)value;
	return *text >= '0' && *text <= '9' && !*end && value > 0 && value <= most;
}

int hostMain(int argc, char** argv)
{
	char path[C_PATH_MAX];
	int i;
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		char* option = argv[i];
		size_t number;
#if mxStress
		if (!strcmp(option, "--stress")) {
			isStressed = 1;
			continue;
		}
#endif
		if (!strcmp(option, "--bytecode")) {
			printCompiled = hostPrintBytecode;
			continue;
		}
		if (!strcmp(option, "--linked")) {
			printCompiled = hostPrintLinked;
			continue;
		}
		if (++i == argc)
			return fail("%s: unknown, or without its value", option);
		if (!strcmp(option, "--module")) {
			char* equals = strchr(argv[i], '=');
			if (!equals || equals == argv[i])
				return fail("--module %s: not of the form NAME=PATH", argv[i]);
			*equals = 0;
			if (!hostMapModule(argv[i], equals + 1))
				return fail("--module: there is no file %s", equals + 1);
		}
		else if (!strcmp(option, "--slots") && takeNumber(argv[i], INT32_MAX / sizeof(txSlot), &number))
			initialSlots = (txSize)number;
		else if (!strcmp(option, "--chunks") && takeNumber(argv[i], INT32_MAX / 2, &number))
			initialChunkBytes = (txSize)number;
		else if (!strcmp(option, "--limit") && takeNumber(argv[i], SIZE_MAX / 2, &number))
			limitBytes = number;
		else
			return fail("%s: unknown, or its value is out of range", option);
	}
	if (i == argc)
		return fail("%s is missing: which module is to be run?", "MAIN.js");
	if (!hostFindFile(argv[i], path))
		return fail("there is no file %s", argv[i]);
	runMachine(path, argv + i + 1);
	hostFreeModules();
	hostFreeBuilders();
	return 0;
}
