/*
 * Resets an RV32 under QEMU at instruction after instruction: `FIRST LAST EVERY SEED`, of scenarios by number, at one instruction in EVERY. With -icount shift=0 the machine's
 * timer interrupts a whole number of ticks, of 100 instructions each, after it was set; nops in between shift what it interrupts, so that it comes at each instruction. An interrupt
 * is the reset: what is in ordinary memory is given up, and the device boots anew.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include "device.h"

#define CSR(INSTRUCTION) ".option push\n.option arch, +zicsr\n" INSTRUCTION "\n.option pop"
#define TICK 100 /* instructions */
#define LONGEST 65536 /* instructions of a scenario, most of which are looked at */

World world;
Device device;
uint64_t retainedMemory[STATE_BYTES / 8];

static World savedWorld;
static uint64_t savedMemory[STATE_BYTES / 8];
static uint8_t reached[LONGEST / 8];
static jmp_buf resetTo;
static volatile uint32_t resetAt;
static uint32_t scenario;
static uint8_t heap[16384];
static size_t heapUsed;

static volatile uint32_t* const timer = (uint32_t*)0x0200BFF8;
static volatile uint32_t* const compare = (uint32_t*)0x02004000;

void* bootAlloc(size_t bytes)
{
	void* start = heap + heapUsed;
	bytes = (bytes + 7) & ~(size_t)7;
	if (heapUsed + bytes > sizeof(heap))
		return NULL;
	heapUsed += bytes;
	return memset(start, 0, bytes);
}

static uint32_t instructions(void)
{
	uint32_t count;
	__asm__ volatile(CSR("csrr %0, minstret") : "=r"(count));
	return count;
}

void outside(void)
{
	__asm__ volatile(CSR("csrci mstatus, 8") : : : "memory");
}

void inside(void)
{
	__asm__ volatile(CSR("csrsi mstatus, 8") : : : "memory");
}

void failed(const char* what, uint32_t value, uint32_t expected)
{
	outside();
	printf("FAILED scenario %u, reset after instruction %u: %s: %u, expected %u\n", (unsigned)scenario, (unsigned)resetAt, what, (unsigned)value,
		(unsigned)expected);
	exit(1);
}

static void disarm(void)
{
	compare[0] = ~0u;
	compare[1] = ~0u;
}

static void resume(void)
{
	longjmp(resetTo, 1);
}

static uint32_t startedAt;

static void __attribute__((interrupt, aligned(4))) trap(void)
{
	uint32_t cause;
	__asm__ volatile(CSR("csrr %0, mcause") : "=r"(cause));
	if (cause != 0x80000007) {
		uint32_t at;
		__asm__ volatile(CSR("csrr %0, mepc") : "=r"(at));
		failed("trap", cause, at);
	}
	resetAt = instructions() - startedAt;
	disarm();
	__asm__ volatile(CSR("csrw mepc, %0\n csrci mstatus, 8") : : "r"(resume));
}

/* Executes so many nops, 0 to 99, and as many other instructions each time. */
static void __attribute__((noinline)) pass(uint32_t count)
{
	__asm__ volatile("la t0, 1f\n sub t0, t0, %0\n jr t0\n .option push\n .option norvc\n .rept 100\n nop\n .endr\n 1:\n .option pop" : : "r"(count * 4) : "t0");
}

static void live(uint32_t seed, uint32_t capacitySlots, int discards, uint32_t operations)
{
	heapUsed = 0;
	deviceBoot(capacitySlots, discards);
	while (operations--)
		deviceOperate(&seed);
}

static void restore(void)
{
	outside();
	memcpy(retainedMemory, savedMemory, sizeof(savedMemory));
	memcpy(&world, &savedWorld, sizeof(world));
}

int main(int argc, char** argv)
{
	uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 0;
	uint32_t last = argc > 2 ? (uint32_t)atoi(argv[2]) : 10;
	uint32_t every = argc > 3 ? (uint32_t)atoi(argv[3]) : 97;
	uint32_t seed = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
	static uint32_t points, distinct, length, again, frozen, at; /* longjmp leaves these alone */
	disarm();
	__asm__ volatile(CSR("csrw mtvec, %0\n csrw mie, %1") : : "r"(trap), "r"(0x80));
	for (scenario = first; scenario < last; scenario++) {
		static uint32_t base, capacitySlots, whole;
		static int discards;
		base = mixed(scenario * 977 + 1);
		capacitySlots = 16 + base % 40;
		discards = (int)(scenario & 1);
		outside();
		resetAt = 0;
		memset(&world, 0, sizeof(world));
		world.nextBootId = 1 + base % 1000;
		for (at = 0; at < sizeof(retainedMemory) / 4; at++)
			((uint32_t*)retainedMemory)[at] = mixed(at + base);
		for (uint32_t boots = base >> 8 & 1; ; boots--) {
			live(base + boots, capacitySlots, discards, 10 + (base >> 16) % 60);
			if (boots == 0)
				break;
		}
		memcpy(savedMemory, retainedMemory, sizeof(savedMemory));
		memcpy(&savedWorld, &world, sizeof(world));
		restore();
		startedAt = instructions();
		live(base * 3, capacitySlots, discards, 6);
		whole = instructions() - startedAt;
		length += whole;
		memset(reached, 0, sizeof(reached));
		for (at = (seed + scenario) % every; at < whole + TICK; at += every) {
			restore();
			inside();
			if (setjmp(resetTo) == 0) {
				outside();
				compare[0] = timer[0] + 2 + at / TICK;
				compare[1] = 0;
				pass(TICK - 1 - at % TICK);
				startedAt = instructions();
				inside();
				live(base * 3, capacitySlots, discards, 6);
				outside();
				disarm();
				resetAt = whole;
			}
			outside();
			points++;
			if (resetAt < LONGEST && !(reached[resetAt / 8] >> resetAt % 8 & 1)) {
				reached[resetAt / 8] |= (uint8_t)(1 << resetAt % 8);
				distinct++;
			}
			heapUsed = 0;
			inside();
			deviceBoot(capacitySlots, discards);
			deviceDrainAll();
			again += world.again;
			frozen += world.frozen;
		}
	}
	outside();
	printf("{\"points\": %u, \"distinct\": %u, \"instructions\": %u, \"again\": %u, \"frozen\": %u}\n", (unsigned)points, (unsigned)distinct,
		(unsigned)length, (unsigned)again, (unsigned)frozen);
	return 0;
}
