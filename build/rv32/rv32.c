/*
 * What xs-host takes from QEMU's machine `virt`: files by semihosting, time, the count of instructions.
 * The arguments come on standard input, each with a zero byte behind it: a semihosting command line has no quotes.
 */
#include <errno.h>
#include <semihost.h>
#include <stdio-bufio.h>

#include "xsAll.h"
#include "host.h"

/* Reads or writes a register of the processor. The compiler's -march would choose another C library with it. */
#define CSR(INSTRUCTION) ".option push\n.option arch, +zicsr\n" INSTRUCTION "\n.option pop"

extern char __stack[], __stack_size[]; /* of the linker; the second is a value, not an address */

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

static void openStreams(void)
{
	streams[0].fd = sys_semihost_open(":tt", SH_OPEN_R_B);
	streams[1].fd = sys_semihost_open(":tt", SH_OPEN_W_B);
	streams[2].fd = sys_semihost_open(":tt", SH_OPEN_A_B);
}

int main(void)
{
	static char bytes[maximumArgumentBytes];
	static char* arguments[maximumArguments] = { "xs-host" };
	int argumentCount = 1;
	int status;
	size_t size = 0;
	ssize_t got;
	openStreams();
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

/* THE END OF A STACK: XS as a device has it checks neither of its two, so here the processor does. */

enum { guardBytes = 4096 }; /* no frame is so big that it could step over it */

static txMachine* guarded;
static txSlot* wholeStack;
static uintptr_t guards[2]; /* of the stack of XS, of the stack of C */

/* Rounded up: what lies below a stack belongs to others. */
static uintptr_t firstGuard(const void* bottom)
{
	return ((uintptr_t)bottom + guardBytes) & ~(uintptr_t)(guardBytes - 1);
}

char* fxCStackLimit(void)
{
	return (char*)firstGuard(__stack - (uintptr_t)__stack_size) + guardBytes;
}

static void reportTrap(void) __attribute__((noreturn, used));

static void reportTrap(void)
{
	uintptr_t cause, at, address;
	__asm__ volatile(CSR("csrr %0, mcause\n csrr %1, mepc\n csrr %2, mtval") : "=r"(cause), "=r"(at), "=r"(address));
	if (address - guards[0] < guardBytes)
		fxAbort(guarded, XS_STACK_OVERFLOW_EXIT);
	if (address - guards[1] < guardBytes)
		fprintf(stderr, "xs-host: stack overflow: the stack of C has %u bytes\n", (unsigned)(uintptr_t)__stack_size);
	else
		fprintf(stderr, "xs-host: trap %u at 0x%x, address 0x%x: riscv64-unknown-elf-addr2line -f -e xs-host.elf 0x%x names the function\n",
			(unsigned)cause, (unsigned)at, (unsigned)address, (unsigned)at);
	hostFail();
}

/* The stack may be what is full, and nobody returns: it is begun anew. */
static void trap(void) __attribute__((naked, aligned(4)));

static void trap(void)
{
	__asm__ volatile("la sp, __stack\n j reportTrap");
}

static void guardStacks(txMachine* the)
{
	enum { locked = 0x80, powerOfTwo = 0x18 };
	guarded = the;
	guards[0] = firstGuard(the->stackBottom);
	guards[1] = firstGuard(__stack - (uintptr_t)__stack_size);
	/* XS keeps notes at the bottom of its stack, while there is room: the guard is below that. */
	wholeStack = the->stackBottom;
	the->stackBottom = (txSlot*)(guards[0] + guardBytes);
	__asm__ volatile(CSR("csrw mtvec, %0\n csrw pmpaddr0, %1\n csrw pmpaddr1, %2\n csrw pmpcfg0, %3")
		: : "r"(trap), "r"(guards[0] >> 2 | (guardBytes / 8 - 1)), "r"(guards[1] >> 2 | (guardBytes / 8 - 1)),
		"r"((locked | powerOfTwo) << 8 | locked | powerOfTwo));
}

void fxDeleteMachinePlatform(txMachine* the)
{
	if (wholeStack)
		the->stackBottom = wholeStack;
}

/* FILES */

/* Takes "." and ".." out of a path, which must be absolute: here is no current folder. */
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

/* The machine's timer: 10 million ticks a second, in two words. */
static volatile uint32_t* const timerLow = (uint32_t*)0x0200BFF8;
static volatile uint32_t* const timerHigh = (uint32_t*)0x0200BFFC;

/*
 * By the low word alone, without a division of 64 bits: a device reads but one word, too. Right for seven minutes of
 * the machine's time, which is 430 thousand million instructions.
 */
uint32_t modMilliseconds(void)
{
	return (*timerLow >> 4) / 625;
}

txNumber hostNowMs(void)
{
	uint32_t high, low;
	do {
		high = *timerHigh;
		low = *timerLow;
	} while (high != *timerHigh);
	return (high * 4294967296.0 + low) / 10000;
}

void hostSleep(txNumber ms)
{
	txNumber end = hostNowMs() + ms;
	while (hostNowMs() < end)
		;
}

/*
 * The count as a double, whose low 52 bits it becomes as it is: the result is 2^52 too great. A conversion would take
 * more instructions for one count than for another, and only differences are of use.
 */
static void instructions(txMachine* the)
{
	uint32_t low, high, highAgain;
	union { uint64_t bits; txNumber number; } count;
	do {
		__asm__ volatile(CSR("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth")
			: "=r"(high), "=r"(low), "=r"(highAgain));
	} while (high != highAgain);
	count.bits = (uint64_t)(high | 0x43300000) << 32 | low;
	mxResult->value.number = count.number;
	mxResult->kind = XS_NUMBER_KIND;
}

void hostStartPlatform(txMachine* the)
{
	guardStacks(the);
	hostAddFunction(the, "instructions", instructions, 0);
}
