/*
 * Does what Moddable's linker does. It has three effects on the engine that a plain machine lacks and that change what a program allocates:
 * - in a module that is not preloaded, string literals and function bodies are used in place; in a preloaded one, each literal that a
 *   function reaches, and the body of each closure made, is copied to the chunk heap (hostRewriteCode);
 * - a built-in method is a value, and an instance of it is made each time one is needed (fxNextHostFunctionProperty);
 * - functions have neither length nor name (gxDefaults).
 */
#include "xsAll.h"
#include "xsScript.h"
#include "host.h"

typedef struct Builder {
	struct Builder* next;
	txHostFunctionBuilder it;
} Builder;

static Builder* builders = NULL;

void hostFreeBuilders(void)
{
	while (builders) {
		Builder* next = builders->next;
		free(builders);
		builders = next;
	}
}

/* XS's own table (xsDefaults.c) without length and name, which the linker always leaves out. */
const txDefaults gxDefaults = {
	.newAsyncInstance = fxNewAsyncInstance,
	.runAsync = fxRunAsync,
	.newGeneratorInstance = fxNewGeneratorInstance,
	.newGeneratorFunctionInstance = fxNewGeneratorFunctionInstance,
	.newAsyncGeneratorInstance = fxNewAsyncGeneratorInstance,
	.newAsyncGeneratorFunctionInstance = fxNewAsyncGeneratorFunctionInstance,
	.runForAwaitOf = fxRunForAwaitOf,
	.newArgumentsSloppyInstance = fxNewArgumentsSloppyInstance,
	.newArgumentsStrictInstance = fxNewArgumentsStrictInstance,
	.runEval = fxRunEval,
	.runEvalEnvironment = fxRunEvalEnvironment,
	.runProgramEnvironment = fxRunProgramEnvironment,
	.initializeSharedCluster = fxInitializeSharedCluster,
	.terminateSharedCluster = fxTerminateSharedCluster,
	.newFunctionLength = NULL,
	.newFunctionName = NULL,
	.runImport = fxRunImport,
	.definePrivateProperty = fxDefinePrivateProperty,
	.getPrivateProperty = fxGetPrivateProperty,
	.setPrivateProperty = fxSetPrivateProperty,
	.cleanupFinalizationRegistries = fxCleanupFinalizationRegistries,
	.captureErrorStack = fxCaptureErrorStack,
};

const txHostFunctionBuilder* hostNewBuilder(txMachine* the, txCallback callback, txInteger length, txID id)
{
	Builder* builder = calloc(1, sizeof(Builder));
	if (!builder)
		fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	builder->it.callback = callback;
	builder->it.length = length;
	builder->it.id = id;
	builder->next = builders;
	builders = builder;
	return &builder->it;
}

/* XS asks for every built-in method through this; xsProperty.c's own version, which makes an instance, is left out. */
txSlot* fxNextHostFunctionProperty(txMachine* the, txSlot* property, txCallback call, txInteger length, txID id, txFlag flag)
{
	txSlot* slot = fxNewSlot(the);
	slot->kind = XS_HOST_FUNCTION_KIND;
	slot->flag = flag;
	slot->ID = id;
	slot->value.hostFunction.builder = hostNewBuilder(the, call, length, id);
	slot->value.hostFunction.profileID = fxGenerateProfileID(the);
	property->next = slot;
	return slot;
}

static txSlot* newAccessorFunction(txMachine* the, txSlot* home, txCallback callback, txInteger length)
{
	txSlot* function;
	if (!callback)
		return NULL;
	/* It stays on the stack, where a collection sees it, until fxNextHostAccessorProperty has linked it. */
	function = fxNewHostFunction(the, callback, length, XS_NO_ID, XS_NO_ID);
	mxFunctionInstanceHome(function)->value.home.object = home;
	return function;
}

/* A built-in getter or setter is an instance on the device too. Left out of xsProperty.c together with the above. */
txSlot* fxNextHostAccessorProperty(txMachine* the, txSlot* property, txCallback get, txCallback set, txID id, txFlag flag)
{
	txSlot* top = the->stack;
	txSlot* home = top->value.reference;
	txSlot* getter = newAccessorFunction(the, home, get, 0);
	txSlot* setter = newAccessorFunction(the, home, set, 1);
	txSlot* slot = fxNewSlot(the);
	slot->kind = XS_ACCESSOR_KIND;
	slot->flag = flag;
	slot->ID = id;
	slot->value.accessor.getter = getter;
	slot->value.accessor.setter = setter;
	property->next = slot;
	the->stack = top;
	return slot;
}

/* Returns the opcode that uses a string or a function body in place, or the opcode itself if there is none. */
static txU1 archivedForm(txU1 opcode)
{
	switch (opcode) {
	case XS_CODE_STRING_1: return XS_CODE_STRING_ARCHIVE_1;
	case XS_CODE_STRING_2: return XS_CODE_STRING_ARCHIVE_2;
	case XS_CODE_STRING_4: return XS_CODE_STRING_ARCHIVE_4;
	case XS_CODE_CODE_1: return XS_CODE_CODE_ARCHIVE_1;
	case XS_CODE_CODE_2: return XS_CODE_CODE_ARCHIVE_2;
	case XS_CODE_CODE_4: return XS_CODE_CODE_ARCHIVE_4;
	default: return opcode;
	}
}

/* The bytes of the function body that follows an instruction, 0 if none does. */
static txInteger bodyBytes(const txByte* at)
{
	txS2 bytes2;
	txS4 bytes4;
	switch (*(const txU1*)at) {
	case XS_CODE_CODE_1:
		return at[1];
	case XS_CODE_CODE_2:
		memcpy(&bytes2, at + 1, sizeof(bytes2));
		return bytes2;
	case XS_CODE_CODE_4:
		memcpy(&bytes4, at + 1, sizeof(bytes4));
		return bytes4;
	default:
		return 0;
	}
}

/*
 * In modules that are not preloaded, Moddable's linker gives string literals and function bodies their archived forms: they are used in
 * place, in flash. It leaves preloaded modules as they are, runs them, and puts the result into flash, including constants and functions.
 * The code of such a function still has the copying forms: each literal that it reaches, and the body of each closure that it makes, goes
 * to the chunk heap. Here a module is run when it is loaded; so in a preloaded one the code outside of functions, which on a device is not
 * run at all, is archived, and the functions are not.
 */
void hostRewriteCode(txByte* code, txSize size, const txID* ids, int isPreloaded)
{
	txByte* at = code;
	txByte* end = code + size;
	txByte* moduleEnd = code; /* of the body that is the module's own code, or the one that defines its variables */
	txByte* functionEnd = code;
	while (at < end) {
		txU1 opcode = *(txU1*)at;
		txS1 length = gxCodeSizes[opcode];
		txU4 bytes = 0;
		if (at >= functionEnd) {
			txInteger body = bodyBytes(at);
			if (body && at < moduleEnd) {
				if (isPreloaded)
					functionEnd = at + length + body;
			}
			else if (body)
				moduleEnd = at + length + body;
			*at = (txByte)archivedForm(opcode);
		}
		at++;
		if (length > 0) /* the size of the whole instruction: a body after it is also traversed */
			at += length - 1;
		else if (length == 0) { /* the operand is a name */
			txID id;
			if (ids) {
				memcpy(&id, at, sizeof(id));
				id = ids[id];
				memcpy(at, &id, sizeof(id));
			}
			at += sizeof(id);
		}
		else { /* -1, -2, -4: this many bytes hold the number of bytes that follow */
			memcpy(&bytes, at, (size_t)-length);
			at += -length + bytes;
		}
	}
}
