/* What is specific to QEMU's machine `virt` with an RV32: streams by semihosting, guards of the stacks, time, the count of instructions. */
#include <semihost.h>

#include "xsAll.h"
#include "host.h"
#include "bare.h"

/* Reads or writes a register of the processor. With -march for it, the compiler would choose another C library. */
#define CSR(INSTRUCTION) ".option push\n.option arch, +zicsr\n" INSTRUCTION "\n.option pop"

int machineOpenStream(int stream)
{
	static const int modes[] = { SH_OPEN_R_B, SH_OPEN_W_B, SH_OPEN_A_B };
	return sys_semihost_open(":tt", modes[stream]);
}

/* GUARDS OF THE STACKS: physical memory protection */

enum { guardBytes = 4096 }; /* no frame is large enough to step over it */

static uintptr_t guards[2]; /* of XS's stack, of the C stack */

/* Rounded up: the memory below a stack belongs to others. */
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
	bareTrap(address - guards[0] < guardBytes ? trapStackOfXS : address - guards[1] < guardBytes ? trapStackOfC : trapOther,
		(unsigned)cause, at, address);
}

/* The full stack may be this one, and nobody returns: it starts over. */
static void trap(void) __attribute__((naked, aligned(4)));

static void trap(void)
{
	__asm__ volatile("la sp, __stack\n j reportTrap");
}

txSlot* machineGuardStacks(txSlot* bottom)
{
	enum { locked = 0x80, powerOfTwo = 0x18 };
	guards[0] = firstGuard(bottom);
	guards[1] = firstGuard(__stack - (uintptr_t)__stack_size);
	__asm__ volatile(CSR("csrw mtvec, %0\n csrw pmpaddr0, %1\n csrw pmpaddr1, %2\n csrw pmpcfg0, %3")
		: : "r"(trap), "r"(guards[0] >> 2 | (guardBytes / 8 - 1)), "r"(guards[1] >> 2 | (guardBytes / 8 - 1)),
		"r"((locked | powerOfTwo) << 8 | locked | powerOfTwo));
	return (txSlot*)(guards[0] + guardBytes);
}

/* TIME */

/* The machine's timer: 10 million ticks per second, in two words. */
static volatile uint32_t* const timerLow = (uint32_t*)0x0200BFF8;
static volatile uint32_t* const timerHigh = (uint32_t*)0x0200BFFC;

/*
 * From the low word alone, without a 64-bit division: a device also reads only one word. Right for seven minutes of the machine's time,
 * which is 430 thousand million instructions.
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

uint64_t machineInstructions(void)
{
	uint32_t low, high, highAgain;
	do {
		__asm__ volatile(CSR("csrr %0, minstreth\n csrr %1, minstret\n csrr %2, minstreth")
			: "=r"(high), "=r"(low), "=r"(highAgain));
	} while (high != highAgain);
	return (uint64_t)high << 32 | low;
}
