/* Finds, parses and links modules, so that they run here as they do from a device's flash. */
#include <errno.h>
#include <stddef.h>

#include "xsAll.h"
#include "xsScript.h"
#include "host.h"

/* The sources of the modules that always exist. `@` is XS's spelling for a method written in C. */
static const struct {
	const char* name;
	const char* source;
} builtIns[] = {
	{ "time",
		"export default class { static get ticks() @ \"xs_host_ticks\"; }" },
	{ "text/encoder",
		"export default class { encode(value) @ \"xs_host_encode\"; encodeInto(value, bytes) @ \"xs_host_encodeInto\"; }" },
};
enum { builtInCount = sizeof(builtIns) / sizeof(builtIns[0]) };

typedef struct Mapping {
	struct Mapping* next;
	const char* name;
	char path[C_PATH_MAX];
} Mapping;

/* A linked module: what would be in flash. Lives as long as the machine, because slots point into it. */
typedef struct Linked {
	struct Linked* next;
	txByte* code;
	txHostFunctionBuilder* builders;
	txInteger builderCount;
} Linked;

static Mapping* mappings = NULL;
static Linked* linkedModules = NULL;

static void* allocate(txMachine* the, size_t bytes)
{
	void* result = calloc(1, bytes ? bytes : 1);
	if (!result)
		fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	return result;
}

void hostFreeModules(void)
{
	while (mappings) {
		Mapping* next = mappings->next;
		free(mappings);
		mappings = next;
	}
	while (linkedModules) {
		Linked* next = linkedModules->next;
		free(linkedModules->code);
		free(linkedModules->builders);
		free(linkedModules);
		linkedModules = next;
	}
}

/* XS cuts the messages of its own throws at 127 bytes, too few for two paths. */
static void throwReferenceError(txMachine* the, const char* format, ...) __attribute__((noreturn, format(printf, 2, 3)));

static void throwReferenceError(txMachine* the, const char* format, ...)
{
	char message[4 * C_PATH_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	mxPush(mxReferenceErrorConstructor);
	mxNew();
	mxPushStringC(message);
	mxRunCount(1);
	mxPull(mxException);
	fxJump(the);
}

/* LINKING */

/* XS calls this, with the module that is being linked, for the functions that its `@` refer to. */
static void buildHosts(txMachine* the)
{
	fxBuildHosts(the, linkedModules->builderCount, linkedModules->builders);
	mxPullSlot(mxResult);
}

static void linkHosts(txMachine* the, Linked* linked, txScript* script, const txID* ids, txID moduleID)
{
	txByte* at = script->hostsBuffer;
	txID count;
	mxDecodeID(at, count);
	linked->builders = allocate(the, count * sizeof(txHostFunctionBuilder));
	linked->builderCount = count;
	for (txID i = 0; i < count; i++) {
		txHostFunctionBuilder* builder = &linked->builders[i];
		txID id;
		builder->length = *at++;
		mxDecodeID(at, id);
		builder->id = ids[id];
		builder->callback = hostFindNative((char*)at);
		if (!builder->callback)
			throwReferenceError(the, "%s: no C function %s in this host: build it with the file that has it",
				fxGetKeyName(the, moduleID), (char*)at);
		at += strlen((char*)at) + 1;
	}
}

static void linkModule(txMachine* the, txSlot* module, txID moduleID, txScript* script, int isPreloaded)
{
	Linked* linked = allocate(the, sizeof(Linked));
	txScript run;
	txID* ids;
	txID count;
	txByte* at = script->symbolsBuffer;

	linked->next = linkedModules;
	linkedModules = linked;

	mxDecodeID(at, count);
	ids = allocate(the, count * sizeof(txID));
	ids[0] = XS_NO_ID;
	for (txID i = 1; i < count; i++) {
		ids[i] = fxNewNameC(the, (txString)at);
		at += strlen((char*)at) + 1;
	}

	linked->code = script->codeBuffer;
	script->codeBuffer = NULL;
	hostRewriteCode(linked->code, script->codeSize, ids, isPreloaded);

	memset(&run, 0, sizeof(run)); /* without symbols XS takes the code as linked, and leaves the script alone */
	run.codeBuffer = linked->code;
	run.codeSize = script->codeSize;
	{
		mxTry(the) {
			if (script->hostsBuffer) {
				linkHosts(the, linked, script, ids, moduleID);
				run.callback = buildHosts;
			}
		}
		mxCatch(the) {
			free(ids);
			fxDeleteScript(script);
			fxJump(the);
		}
	}
	free(ids);
	fxDeleteScript(script);
	fxResolveModule(the, module, moduleID, &run, NULL, NULL);
}

/* PARSER */

typedef struct {
	const char* text;
	FILE* file;
} Source;

static int nextCharacter(void* it)
{
	Source* source = it;
	if (source->file)
		return fgetc(source->file);
	return *source->text ? *(const txU1*)source->text++ : C_EOF;
}

/* The parser keeps one message without a place; the place is put in front of it. */
static char parseError[C_PATH_MAX + 256];

static void reportError(void* console, txString path, txInteger line, txString format, c_va_list arguments)
{
	(void)console;
	if (!parseError[0]) {
		int length = snprintf(parseError, sizeof(parseError), "%s:%d: ", path ? path : "?", (int)line);
		vsnprintf(parseError + length, sizeof(parseError) - length, format, arguments);
	}
}

static void reportWarning(void* console, txString path, txInteger line, txString format, c_va_list arguments)
{
	(void)console; (void)path; (void)line; (void)format; (void)arguments;
}

/* A source with an error becomes a script that throws it, so NULL only means that memory has run out. */
static txScript* parse(txMachine* the, const char* path, Source* source)
{
	txParser parser;
	txParserJump jump;
	txScript* volatile script = NULL;
	txUnsigned flags = mxCFlag;
#ifdef mxDebug
	flags |= mxDebugFlag; /* file and line numbers, for stack traces */
#endif
	parseError[0] = 0;
	fxInitializeParser(&parser, the, the->parserBufferSize, the->parserTableModulo);
	parser.reportError = reportError;
	parser.reportWarning = reportWarning;
	parser.firstJump = &jump;
	if (c_setjmp(jump.jmp_buf) == 0) {
		parser.path = fxNewParserSymbol(&parser, (txString)path);
#ifdef mxDebug
		parser.source = parser.path;
#endif
		fxParserTree(&parser, source, nextCharacter, flags, NULL);
		fxParserHoist(&parser);
		fxParserBind(&parser);
		if (parser.errorCount)
			parser.errorMessage = fxNewParserString(&parser, parseError, (txSize)strlen(parseError));
		script = fxParserCode(&parser);
	}
	fxTerminateParser(&parser);
	return script;
}

/* WHAT XS ASKS FOR */

int hostMapModule(const char* name, const char* path)
{
	Mapping* mapping = calloc(1, sizeof(Mapping));
	if (!mapping || !hostFindFile(path, mapping->path)) {
		free(mapping);
		return 0;
	}
	mapping->name = name;
	mapping->next = mappings;
	mappings = mapping;
	return 1;
}

/* Turns a specifier into the name of a module: the full path of its file, or the name of a built-in module. */
txID fxFindModule(txMachine* the, txSlot* realm, txID importerID, txSlot* slot)
{
	char specifier[C_PATH_MAX];
	char joined[2 * C_PATH_MAX];
	char path[C_PATH_MAX];
	const char* importer = importerID == XS_NO_ID ? "the command line" : fxGetKeyName(the, importerID);
	(void)realm;
	fxToStringBuffer(the, slot, specifier, sizeof(specifier));
	if (specifier[0] == '/' || !strncmp(specifier, "./", 2) || !strncmp(specifier, "../", 3)) {
		const char* slash = specifier[0] == '/' ? NULL : strrchr(importer, '/');
		snprintf(joined, sizeof(joined), "%.*s%s", slash ? (int)(slash + 1 - importer) : 0, importer, specifier);
		if (!hostFindFile(joined, path))
			throwReferenceError(the, "import \"%s\" in %s: %s: %s", specifier, importer, joined, strerror(errno));
		return fxNewNameC(the, path);
	}
	for (Mapping* mapping = mappings; mapping; mapping = mapping->next) {
		if (!strcmp(mapping->name, specifier))
			return fxNewNameC(the, mapping->path);
	}
	for (int i = 0; i < builtInCount; i++) {
		if (!strcmp(builtIns[i].name, specifier))
			return fxNewNameC(the, specifier);
	}
	throwReferenceError(the, "import \"%s\" in %s: neither built in (time, text/encoder) nor given: use --module %s=PATH",
		specifier, importer, specifier);
}

/* A module with a name is preloaded, as by Moddable's manifests and ours; the main module, and modules that it names by path, are not. */
static int isPreloaded(const char* path)
{
	for (Mapping* mapping = mappings; mapping; mapping = mapping->next) {
		if (!strcmp(mapping->path, path))
			return 1;
	}
	return path[0] != '/';
}

static txScript* load(txMachine* the, const char* path)
{
	Source source = { NULL, NULL };
	txScript* script;
	for (int i = 0; i < builtInCount; i++) {
		if (!strcmp(builtIns[i].name, path))
			source.text = builtIns[i].source;
	}
	if (!source.text) {
		source.file = fopen(path, "r");
		if (!source.file)
			throwReferenceError(the, "module %s: %s", path, strerror(errno));
	}
	script = parse(the, path, &source);
	if (source.file)
		fclose(source.file);
	if (!script)
		fxAbort(the, XS_NOT_ENOUGH_MEMORY_EXIT);
	return script;
}

void fxLoadModule(txMachine* the, txSlot* module, txID moduleID)
{
	char path[C_PATH_MAX];
	snprintf(path, sizeof(path), "%s", fxGetKeyName(the, moduleID));
	linkModule(the, module, moduleID, load(the, path), isPreloaded(path));
}

/* Compiles a module, or ends with the error in its source. */
static txScript* compile(txMachine* the, const char* path)
{
	txScript* script = load(the, path);
	if (parseError[0]) {
		fprintf(stderr, "xs-host: SyntaxError: %s\n", parseError);
		hostFail();
	}
	return script;
}

void hostPrintBytecode(txMachine* the, const char* path)
{
	txScript* script = compile(the, path);
	printf("{\"code\":%d,\"symbols\":%d,\"hosts\":%d}\n", (int)script->codeSize, (int)script->symbolsSize, (int)script->hostsSize);
	fxDeleteScript(script);
}

void hostPrintLinked(txMachine* the, const char* path)
{
	for (int isPreloaded = 0; isPreloaded <= 1; isPreloaded++) {
		txScript* script = compile(the, path);
		hostRewriteCode(script->codeBuffer, script->codeSize, NULL, isPreloaded);
		printf(isPreloaded ? "\",\"preloaded\":\"" : "{\"loaded\":\"");
		for (txSize i = 0; i < script->codeSize; i++)
			printf("%02x", ((txU1*)script->codeBuffer)[i]);
		fxDeleteScript(script);
	}
	printf("\",\"opcodes\":[");
	for (int opcode = 0; opcode < XS_CODE_COUNT; opcode++)
		printf("%s[\"%s\",%d]", opcode ? "," : "", gxCodeNames[opcode], gxCodeSizes[opcode]);
	printf("]}\n");
}
