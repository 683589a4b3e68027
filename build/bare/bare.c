/*
 * What xs-host needs without an operating system, for any processor: streams, files, the end of a stack.
 * The arguments come on standard input, each followed by a zero byte: a semihosting command line has no quotes.
 */
#include <errno.h>
#include <stdio-bufio.h>

#include "xsAll.h"
#include "host.h"
#include "bare.h"

enum { maximumArguments = 256, maximumArgumentBytes = 64 * 1024 };

/* STREAMS: those of the C library have no buffer, and send output and errors to the same place. */

static char outBuffer[4096];
static char errBuffer[256];
static struct __file_bufio streams[] = {
	FDEV_SETUP_BUFIO(-1, NULL, 0, read, write, lseek, close, __SRD, 0),
	FDEV_SETUP_BUFIO(-1, outBuffer, sizeof(outBuffer), read, write, lseek, close, __SWR, __BLBF),
	FDEV_SETUP_BUFIO(-1, errBuffer, sizeof(errBuffer), read, write, lseek, close, __SWR, __BLBF),
};
FILE* const stdin = &streams[0].xfile.cfile.file;
FILE* const stdout = &streams[1].xfile.cfile.file;
FILE* const stderr = &streams[2].xfile.cfile.file;

int main(void)
{
	static char bytes[maximumArgumentBytes];
	static char* arguments[maximumArguments] = { "xs-host" };
	int argumentCount = 1;
	int status;
	size_t size = 0;
	ssize_t got;
	for (int i = 0; i < 3; i++)
		streams[i].fd = machineOpenStream(i);
	while (size < sizeof(bytes) && (got = read(streams[0].fd, bytes + size, sizeof(bytes) - size)) > 0)
		size += (size_t)got;
	for (char* at = bytes; at < bytes + size; at += strlen(at) + 1) {
		if (size == sizeof(bytes) || argumentCount == maximumArguments - 1) {
			fprintf(stderr, "xs-host: too many arguments: there may be %d, with %d bytes\n", maximumArguments - 2, maximumArgumentBytes - 1);
			fflush(stderr);
			return 2;
		}
		arguments[argumentCount++] = at;
	}
	status = hostMain(argumentCount, arguments);
	fflush(stdout);
	fflush(stderr);
	return status;
}

/* THE END OF A STACK */

static txMachine* guarded;
static txSlot* wholeStack;

void bareTrap(TrapKind kind, unsigned cause, uintptr_t at, uintptr_t address)
{
	if (kind == trapStackOfXS)
		fxAbort(guarded, XS_STACK_OVERFLOW_EXIT);
	if (kind == trapStackOfC)
		fprintf(stderr, "xs-host: stack overflow: the stack of C has %u bytes\n", (unsigned)(uintptr_t)__stack_size);
	else
		fprintf(stderr, "xs-host: trap %u at 0x%x, address 0x%x: " ADDR2LINE " -f -e xs-host.elf 0x%x names the function\n",
			cause, (unsigned)at, (unsigned)address, (unsigned)at);
	hostFail();
}

void fxDeleteMachinePlatform(txMachine* the)
{
	if (wholeStack)
		the->stackBottom = wholeStack;
}

/* FILES */

/* Removes "." and ".." from a path, which must be absolute: there is no current folder here. */
int hostFindFile(const char* path, char* fullPath)
{
	char* to = fullPath;
	FILE* file;
	if (*path != '/' || strlen(path) >= C_PATH_MAX) {
		errno = *path != '/' ? ENOENT : ENAMETOOLONG;
		return 0;
	}
	while (*path) {
		size_t length;
		while (*path == '/')
			path++;
		length = strcspn(path, "/");
		if (length == 2 && !strncmp(path, "..", 2)) {
			while (to > fullPath && *--to != '/')
				;
		}
		else if (length > 0 && !(length == 1 && *path == '.')) {
			*to++ = '/';
			memmove(to, path, length);
			to += length;
		}
		path += length;
	}
	*to = 0;
	file = fopen(fullPath, "rb");
	if (!file)
		return 0;
	fclose(file);
	return 1;
}

/* NATIVES */

extern const struct { const char* name; txCallback callback; } hostNatives[]; /* the makefile writes it */

txCallback hostFindNative(const char* name)
{
	int i = 0;
	while (hostNatives[i].name && strcmp(hostNatives[i].name, name))
		i++;
	return hostNatives[i].callback;
}

/* TIME */

void hostSleep(txNumber ms)
{
	txNumber end = hostNowMs() + ms;
	while (hostNowMs() < end)
		;
}

/*
 * The count as a double: it becomes the low 52 bits unchanged, so the result is too great by 2^52. A conversion would take more
 * instructions for one count than for another, and only differences matter.
 */
static void instructions(txMachine* the)
{
	union { uint64_t bits; txNumber number; } count = { machineInstructions() | (uint64_t)0x43300000 << 32 };
	mxResult->value.number = count.number;
	mxResult->kind = XS_NUMBER_KIND;
}

void hostStartPlatform(txMachine* the)
{
	guarded = the;
	/* XS keeps notes at the bottom of its stack, while there is room: the guard is below that. */
	wholeStack = the->stackBottom;
	the->stackBottom = machineGuardStacks(the->stackBottom);
	hostAddFunction(the, "instructions", instructions, 0);
}
