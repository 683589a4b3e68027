/*
 * What is specific to QEMU's machine `sim` with an LX106: its start, files by simcall, guards of the stacks, time, the count of
 * instructions.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/time.h>

#include "xsAll.h"
#include "host.h"
#include "bare.h"

#define RSR(REGISTER) ({ uint32_t value; __asm__ volatile("rsr." #REGISTER " %0" : "=r"(value)); value; })
#define WSR(REGISTER, VALUE) __asm__ volatile("wsr." #REGISTER " %0\n rsync" : : "r"(VALUE) : "memory")

/*
 * TIME
 *
 * CCOUNT goes by the machine's time, 25 ns a tick. With -icount shift=5 an instruction takes 32 ns, so each sees another
 * CCOUNT, and the number of instructions follows from it exactly. It has but 32 bits, so a clock ticks by interrupt, as
 * FreeRTOS's does on a device: every 2^20 instructions of the program, which are a millisecond here. What the interrupt takes is
 * not the program's and is left out: the 23 instructions below, and one that QEMU counts for taking it.
 */
#define INSTRUCTIONS_OF_INTERRUPT 24
#define CCOUNT_OF_MILLISECOND (((1 << 20) + INSTRUCTIONS_OF_INTERRUPT) / 25 * 32) /* the division has no remainder */
#define TIMER_INTERRUPT (1 << 6)

static volatile uint32_t milliseconds __attribute__((used));

uint32_t modMilliseconds(void)
{
	return milliseconds;
}

txNumber hostNowMs(void)
{
	return milliseconds;
}

/* Without a branch, so that it takes the same each time. If the interrupt is due, but not taken yet, `since` is 2^20 or more. */
uint64_t machineInstructions(void)
{
	uint32_t state, ccount, ms, since;
	__asm__ volatile("rsil %0, 15\n rsr.ccount %1" : "=r"(state), "=r"(ccount));
	ms = milliseconds;
	WSR(ps, state);
	since = ((ccount - ms * CCOUNT_OF_MILLISECOND) * 25 + 31) >> 5;
	ms += since >> 20;
	return (uint64_t)(ms >> 12) << 32 | (ms << 20 | (since & 0xFFFFF));
}

/* Once `milliseconds` has its place: what was due meanwhile is taken now, at most once. */
static void startClock(void) __attribute__((constructor));

static void startClock(void)
{
	WSR(intenable, TIMER_INTERRUPT);
}

/* There is no time of day: a Date is the machine's time, so that it is repeatable, too. */
int gettimeofday(struct timeval* time, void* zone)
{
	(void)zone;
	time->tv_sec = (long)(milliseconds / 1000);
	time->tv_usec = (long)(milliseconds % 1000 * 1000);
	return 0;
}

/* THE START AND TRAPS */

#define TEXT(VALUE) #VALUE
#define VALUE_OF(MACRO) TEXT(MACRO)

/*
 * The core starts at the first byte of flash. VECBASE says where the vectors are, each at an offset of its own; that of
 * timer and traps is 0x30. They keep what they need of registers in EXCSAVE, since the stack may be what is full.
 */
__asm__(
	".pushsection .text.start, \"ax\"\n"
	"	j start\n"
	"	.literal_position\n"
	"start:\n"
	"	movi a1, __stack\n"
	"	movi a0, vectors\n"
	"	wsr.vecbase a0\n"
	"	movi a0, " VALUE_OF(CCOUNT_OF_MILLISECOND) "\n"
	"	wsr.ccompare0 a0\n"
	"	movi a0, 0\n"
	"	wsr.ps a0\n"
	"	rsync\n"
	"	movi a0, _start\n"
	"	jx a0\n"

	"	.balign 0x100\n"
	"vectors:\n"
	"	.org vectors + 0x10\n" /* of the watched address */
	"	j watched\n"
	"	.org vectors + 0x30\n"
	"	j timerOrTrap\n"
	"	.org vectors + 0x70\n" /* of a trap within a trap */
	"	j trap\n"
	"	.balign 4\n"
	"	.literal_position\n"

	"timerOrTrap:\n" /* padded to INSTRUCTIONS_OF_INTERRUPT, the jump above among them */
	"	wsr.excsave1 a0\n"
	"	rsr.exccause a0\n"
	"	bnei a0, 4, trap\n"
	"	wsr.excsave2 a2\n"
	"	movi a0, milliseconds\n"
	"	l32i a2, a0, 0\n"
	"	addi a2, a2, 1\n"
	"	s32i a2, a0, 0\n"
	"	movi a2, " VALUE_OF(CCOUNT_OF_MILLISECOND) "\n"
	"	rsr.ccompare0 a0\n"
	"	add a0, a0, a2\n"
	"	wsr.ccompare0 a0\n" /* and no interrupt is due any more */
	"	.rept 7\n"
	"	nop\n"
	"	.endr\n"
	"	rsr.excsave2 a2\n"
	"	rsr.excsave1 a0\n"
	"	rfe\n"

	"watched:\n"
	"	movi a2, 1\n"
	"	j report\n"
	"trap:\n"
	"	movi a2, 0\n"
	"report:\n"
	"	movi a1, __stack\n"
	"	movi a0, reportTrap\n"
	"	jx a0\n"
	".popsection\n");

/* GUARDS OF THE STACKS: there is no memory below the C stack; at the end of XS's, which is filled slot by slot, an address is watched. */

enum { watchedBytes = 64, stores = 1 << 31, loads = 1 << 30 };

char* fxCStackLimit(void)
{
	return __stack - (uintptr_t)__stack_size;
}

static void reportTrap(int isWatched) __attribute__((noreturn, used));

static void reportTrap(int isWatched)
{
	uintptr_t address = RSR(excvaddr);
	int isBelow = (uintptr_t)fxCStackLimit() - address <= (uintptr_t)__stack_size;
	bareTrap(isWatched ? trapStackOfXS : isBelow ? trapStackOfC : trapOther, RSR(exccause), RSR(epc1), address);
}

txSlot* machineGuardStacks(txSlot* bottom)
{
	uintptr_t watched = ((uintptr_t)bottom + watchedBytes - 1) & ~(uintptr_t)(watchedBytes - 1);
	WSR(dbreaka0, watched);
	WSR(dbreakc0, stores | loads);
	return (txSlot*)(watched + watchedBytes);
}

/* FILES: the simulator's calls, which the C library does not know. Flags are those of the machine that QEMU runs on. */

enum { simulatorExit = 1, simulatorRead = 3, simulatorWrite = 4, simulatorOpen = 5, simulatorClose = 6, simulatorSeek = 19 };
enum { linuxCreate = 0x40, linuxTruncate = 0x200, linuxAppend = 0x400 };

static int simulator(int call, uintptr_t first, uintptr_t second, uintptr_t third)
{
	register int result __asm__("a2") = call;
	register uintptr_t error __asm__("a3") = first;
	register uintptr_t a4 __asm__("a4") = second;
	register uintptr_t a5 __asm__("a5") = third;
	__asm__ volatile("simcall" : "+r"(result), "+r"(error) : "r"(a4), "r"(a5) : "memory");
	if (result < 0)
		errno = (int)error;
	return result;
}

int machineOpenStream(int stream)
{
	return stream;
}

ssize_t read(int file, void* bytes, size_t size)
{
	return simulator(simulatorRead, (uintptr_t)file, (uintptr_t)bytes, size);
}

ssize_t write(int file, const void* bytes, size_t size)
{
	return simulator(simulatorWrite, (uintptr_t)file, (uintptr_t)bytes, size);
}

int open(const char* path, int flags, ...)
{
	uintptr_t hostFlags = (uintptr_t)(flags & O_ACCMODE) | (flags & O_CREAT ? linuxCreate : 0)
		| (flags & O_TRUNC ? linuxTruncate : 0) | (flags & O_APPEND ? linuxAppend : 0);
	return simulator(simulatorOpen, (uintptr_t)path, hostFlags, 0666);
}

int close(int file)
{
	return simulator(simulatorClose, (uintptr_t)file, 0, 0);
}

off_t lseek(int file, off_t offset, int whence)
{
	return simulator(simulatorSeek, (uintptr_t)file, (uintptr_t)offset, (uintptr_t)whence);
}

void _exit(int status)
{
	simulator(simulatorExit, (uintptr_t)status, 0, 0);
	__builtin_unreachable();
}
