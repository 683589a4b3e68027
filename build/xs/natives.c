/*
 * The functions in C that a script sees, written only against XS's C interface, like those of a device: print, files, and the natives of
 * the modules `time` and `text/encoder`.
 */
#include <errno.h>

#include "xsmc.h"
#include "xsHost.h"
#include "host.h"

#define BYTE(POINTER) (*(const uint8_t*)(POINTER))

/*
 * XS keeps U+0000 as C0 80, so a string ends at its first zero byte, and each half of a surrogate pair as three bytes: ED A0..AF xx the
 * high one, ED B0..BF xx the low one. A string may contain other invalid UTF-8, too: String.fromArrayBuffer checks only lead bytes and
 * counts, and C of a device writes anything. Here a byte is read only if none before it is zero, so nothing reads past the end.
 */
static int isNul(const char* at)
{
	return BYTE(at) == 0xC0 && BYTE(at + 1) == 0x80;
}

static int isSurrogate(const char* at, uint8_t kind)
{
	return BYTE(at) == 0xED && (BYTE(at + 1) & 0xF0) == kind && BYTE(at + 2);
}

static int isPair(const char* at)
{
	return isSurrogate(at, 0xA0) && isSurrogate(at + 3, 0xB0);
}

/* The length according to the first byte, as in the SDK: 0 if it is not a lead byte, or if the string ends earlier. */
static int characterBytes(const char* at)
{
	uint8_t first = BYTE(at);
	int bytes = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	for (int i = 1; i < bytes; i++) {
		if (!BYTE(at + i))
			return 0;
	}
	return bytes;
}

/* Writes the four bytes of the character with its two halves at `at`. */
static void joinPair(const char* at, uint8_t* to)
{
	uint32_t high = (BYTE(at + 1) & 0x0F) << 6 | (BYTE(at + 2) & 0x3F);
	uint32_t low = (BYTE(at + 4) & 0x0F) << 6 | (BYTE(at + 5) & 0x3F);
	uint32_t character = 0x10000 + (high << 10 | low);
	to[0] = (uint8_t)(0xF0 | character >> 18);
	to[1] = (uint8_t)(0x80 | (character >> 12 & 0x3F));
	to[2] = (uint8_t)(0x80 | (character >> 6 & 0x3F));
	to[3] = (uint8_t)(0x80 | (character & 0x3F));
}

/** What encodeOne read and wrote. */
typedef struct {
	int from; /* bytes of the string */
	int units; /* their number in its length */
	int to; /* bytes of UTF-8 */
} Step;

/* Describes the character at `at`, without writing it. At the end of the string, and if there is none, everything is 0. */
static Step measure(const char* at)
{
	int bytes;
	if (isNul(at))
		return (Step){ 2, 1, 1 };
	if (isPair(at))
		return (Step){ 6, 2, 4 };
	bytes = characterBytes(at);
	return BYTE(at) ? (Step){ bytes, bytes > 0, bytes } : (Step){ 0, 0, 0 };
}

/* The same for a byte that is in no character. */
static Step measureAny(const char* at)
{
	Step step = measure(at);
	return step.from == 0 && BYTE(at) ? (Step){ 1, 1, 1 } : step;
}

static void encode(const char* at, Step step, uint8_t* to)
{
	if (step.from == 6)
		joinPair(at, to);
	else if (step.from != step.to)
		*to = 0;
	else
		memcpy(to, at, (size_t)step.to);
}

/* TEXT/ENCODER: like the module of that name in Moddable's SDK, which is also written in C, and costs about the same. */

/* Names that a linker turns into constants; here they are found before the script starts. */
static xsIdentifier stringID, bytesID, readID, writtenID;

void xs_host_names(xsMachine* the)
{
	stringID = xsID("String");
	bytesID = xsID("Uint8Array");
	readID = xsID("read");
	writtenID = xsID("written");
}

/* Copies characters of one byte until there is another one or `end` is reached. Returns where it stopped. */
static uint8_t* copySingles(const char** from, uint8_t* to, const uint8_t* end)
{
	const char* at = *from;
	while (to < end && *(const int8_t*)at > 0)
		*to++ = BYTE(at++);
	*from = at;
	return to;
}

/* Converts the argument as the SDK does, by calling the global String: the cost is part of the likeness. */
static void argumentToString(xsMachine* the)
{
	if (xsmcArgc < 1)
		xsTypeError("no string");
	xsArg(0) = xsCall1(xsGlobal, stringID, xsArg(0));
}

void xs_host_encode(xsMachine* the)
{
	const char* from;
	uint8_t* to;
	uint8_t* end;
	int length = 0;
	Step step = { 0, 0, 0 };
	argumentToString(the);
	for (from = xsmcToString(xsArg(0)); *from; from += step.from) {
		step = *(const int8_t*)from > 0 ? (Step){ 1, 1, 1 } : measureAny(from);
		length += step.to;
	}
	xsmcSetArrayBuffer(xsResult, NULL, length);
	to = xsmcToArrayBuffer(xsResult);
	end = to + length;
	/* Read again: making the buffer may have moved the string. */
	for (from = xsmcToString(xsArg(0)); (to = copySingles(&from, to, end)) < end; from += step.from) {
		step = measureAny(from);
		encode(from, step, to);
		to += step.to;
	}
	xsResult = xsNew1(xsGlobal, bytesID, xsResult);
}

void xs_host_encodeInto(xsMachine* the)
{
	const char* from;
	void* bytes;
	uint8_t* to;
	uint8_t* end;
	xsUnsignedValue capacity;
	xsIntegerValue read = 0;
	if (xsmcArgc < 2 || !xsmcIsInstanceOf(xsArg(1), xsTypedArrayPrototype))
		xsUnknownError("encodeInto: the second argument is no Uint8Array");
	argumentToString(the);
	xsmcGetBufferWritable(xsArg(1), &bytes, &capacity);
	to = bytes;
	end = to + capacity;
	from = xsmcToString(xsArg(0));
	for (;;) {
		uint8_t* reached = copySingles(&from, to, end);
		Step step = measure(from);
		read += (xsIntegerValue)(reached - to);
		to = reached;
		if (!step.from && BYTE(from) && to < end)
			/* The SDK ends the machine at an invalid lead byte, and reads past the end of a string that ends too early. */
			fxAbort(the, xsFatalCheckExit);
		if (!step.from || step.to > end - to)
			break;
		encode(from, step, to);
		from += step.from;
		to += step.to;
		read += step.units;
	}
	xsmcVars(1);
	xsmcSetNewObject(xsResult);
	xsmcSetInteger(xsVar(0), read);
	xsmcSet(xsResult, readID, xsVar(0));
	xsmcSetInteger(xsVar(0), (xsIntegerValue)(to - (uint8_t*)bytes));
	xsmcSet(xsResult, writtenID, xsVar(0));
}

/* TIME */

void xs_host_ticks(xsMachine* the)
{
	/* On an ESP32 the count is signed and wraps, so it does here, too. */
	xsmcSetInteger(xsResult, (xsIntegerValue)modMilliseconds());
}

/* PRINT AND FILES */

/* Whether the bytes of a step are well-formed UTF-8: no lone surrogate, nothing overlong or beyond U+10FFFF. */
static int isWellFormed(const uint8_t* at, int bytes)
{
	for (int i = 1; i < bytes; i++) {
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	}
	switch (bytes) {
	case 1: return at[0] < 0x80;
	case 2: return at[0] >= 0xC2;
	case 3: return at[0] == 0xE0 ? at[1] >= 0xA0 : at[0] != 0xED || at[1] < 0xA0;
	default: return at[0] == 0xF0 ? at[1] >= 0x90 : at[0] < 0xF4 || (at[0] == 0xF4 && at[1] < 0x90);
	}
}

void hostWriteString(FILE* file, const char* string)
{
	Step step;
	for (; (step = measureAny(string)).from; string += step.from) {
		uint8_t buffer[4];
		encode(string, step, buffer);
		if (isWellFormed(buffer, step.to))
			fwrite(buffer, 1, (size_t)step.to, file);
		else
			fputs("\xEF\xBF\xBD", file);
	}
}

void xs_host_print(xsMachine* the)
{
	int count = xsmcArgc;
	for (int i = 0; i < count; i++) {
		if (i > 0)
			fputc(' ', stdout);
		xsResult = xsCall1(xsGlobal, stringID, xsArg(i));
		hostWriteString(stdout, xsmcToString(xsResult));
	}
	fputc('\n', stdout);
	xsmcSetUndefined(xsResult);
}

/** stringOf(buffer): a string of any bytes, up to the first zero, as C of a device can make one. */
void xs_host_stringOf(xsMachine* the)
{
	void* bytes;
	xsUnsignedValue size;
	if (xsmcArgc < 1)
		xsTypeError("stringOf: no bytes");
	xsmcGetBufferReadable(xsArg(0), &bytes, &size);
	xsmcSetStringBuffer(xsResult, NULL, (xsIntegerValue)size);
	/* Read again: making the string may have moved the buffer. */
	xsmcGetBufferReadable(xsArg(0), &bytes, &size);
	memcpy(xsmcToString(xsResult), bytes, size);
}

/* A path of the script, kept in C: XS may move its strings at a collection. */
static void takePath(xsMachine* the, char* path, xsIntegerValue size)
{
	if (xsmcArgc < 1)
		xsTypeError("no path");
	xsmcToStringBuffer(xsArg(0), path, size);
}

void xs_host_readFile(xsMachine* the)
{
	char path[C_PATH_MAX];
	char fullPath[C_PATH_MAX];
	FILE* file;
	long size;
	size_t got;
	takePath(the, path, sizeof(path));
	file = hostFindFile(path, fullPath) ? fopen(fullPath, "rb") : NULL;
	if (!file)
		xsUnknownError("readFile: %s: %s", path, strerror(errno));
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	fseek(file, 0, SEEK_SET);
	xsmcSetArrayBuffer(xsResult, NULL, (xsIntegerValue)size);
	got = fread(xsmcToArrayBuffer(xsResult), 1, (size_t)size, file);
	fclose(file);
	if (got != (size_t)size)
		xsUnknownError("readFile: %s: %d of %d bytes read", path, (int)got, (int)size);
}

void xs_host_writeFile(xsMachine* the)
{
	char path[C_PATH_MAX];
	void* bytes;
	xsUnsignedValue size;
	FILE* file;
	int failed;
	takePath(the, path, sizeof(path));
	if (xsmcArgc < 2)
		xsTypeError("writeFile: no bytes");
	xsmcGetBufferReadable(xsArg(1), &bytes, &size);
	file = fopen(path, "wb");
	if (!file)
		xsUnknownError("writeFile: %s: %s", path, strerror(errno));
	failed = fwrite(bytes, 1, size, file) != size;
	if (fclose(file) || failed)
		xsUnknownError("writeFile: %s: %s", path, strerror(errno));
}
