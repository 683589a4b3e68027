/*
 * Boots on retained memory that holds anything, `COUNT SEED` times, under AddressSanitizer: random words, and images of a running device with
 * bits, bytes, words and halves changed. Writes the packets that come out: a u32 of bytes and the packet each, and a 0 behind each image.
 */
#include <stdio.h>
#include <stdlib.h>

#include "device.h"

World world;
Device device;
uint64_t retainedMemory[STATE_BYTES / 8];

void* bootAlloc(size_t bytes)
{
	return calloc(1, bytes);
}

void outside(void)
{
}

void inside(void)
{
}

void failed(const char* what, uint32_t value, uint32_t expected)
{
	fprintf(stderr, "FAILED: %s: %u, expected %u\n", what, value, expected);
	exit(1);
}

static uint32_t seed;

static uint32_t random32(void)
{
	seed = seed * 1664525 + 1013904223;
	return mixed(seed);
}

static void change(uint32_t kind)
{
	uint8_t* bytes = (uint8_t*)retainedMemory;
	uint32_t* words = (uint32_t*)retainedMemory;
	uint32_t count = 1 + random32() % 8;
	/* Half of the changes are made where counts and positions stand. */
	uint32_t most = random32() & 1 ? sizeof(retainedMemory) : offsetof(TelemetryState, nameBytes);
	if (kind == 0) {
		for (uint32_t at = 0; at < sizeof(retainedMemory) / 4; at++)
			words[at] = random32();
		return;
	}
	while (count--) {
		uint32_t at = random32();
		if (kind == 1)
			bytes[at % most] ^= (uint8_t)(1 << at / 65536 % 8);
		else if (kind == 2)
			bytes[at % most] = (uint8_t)random32();
		else if (kind == 3)
			words[at % (most / 4)] = random32();
		else if (kind == 4)
			words[at % (most / 4)] += (at >> 24) % 3 == 0 ? 16 : (at >> 24) % 3 == 1 ? -16u : 1;
		else if (kind == 5)
			words[at % (most / 4)] = words[random32() % (most / 4)];
		else if (kind == 6)
			((TelemetryState*)retainedMemory)->boot[at % TELEMETRY_KEPT_BOOTS].tail += (at >> 24) % 16 << 4;
		else
			memset(bytes + at % most, (int)(at >> 28) * 17, most - at % most < 64 ? most - at % most : 64);
	}
}

/* The checksums as an attacker, or very much luck, has them: what stands behind them is looked at, too. */
static void mend(void)
{
	TelemetryState* state = (TelemetryState*)retainedMemory;
	for (uint32_t index = 0; index < TELEMETRY_KEPT_BOOTS; index++) {
		TelemetryKeptBoot* boot = &state->boot[index];
		const uint32_t* ends[] = { &boot->sum, &boot->marks[0].sum, &boot->marks[1].sum, &boot->readers[0].places[0].sum,
			&boot->readers[0].places[1].sum, &boot->readers[1].places[0].sum, &boot->readers[1].places[1].sum };
		const void* starts[] = { boot, &boot->marks[0], &boot->marks[1], &boot->readers[0].places[0], &boot->readers[0].places[1],
			&boot->readers[1].places[0], &boot->readers[1].places[1] };
		for (uint32_t each = 0; each < sizeof(ends) / sizeof(*ends); each++) {
			uint32_t sum = 2166136261u;
			for (const uint32_t* word = starts[each]; word < ends[each]; word++)
				sum = (sum ^ *word) * 16777619;
			*(uint32_t*)ends[each] = sum;
		}
		if (boot->frozen.sum) {
			uint32_t sum = 2166136261u;
			for (const uint32_t* word = (uint32_t*)&boot->frozen; word < &boot->frozen.sum; word++)
				sum = (sum ^ *word) * 16777619;
			boot->frozen.sum = sum | 1;
		}
	}
}

static void write32(uint32_t value)
{
	fwrite(&value, 4, 1, stdout);
}

int main(int argc, char** argv)
{
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
	uint32_t kept = 0;
	seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	world.nextBootId = 1;
	for (uint32_t image = 0; image < count; image++) {
		uint32_t capacitySlots = 16 + random32() % 40;
		int discards = (int)(random32() & 1);
		uint32_t operations = random32();
		uint32_t packets = 0;
		memset(&world, 0, sizeof(world));
		world.nextBootId = 1;
		memset(retainedMemory, 0, sizeof(retainedMemory));
		for (uint32_t boots = 1 + random32() % 3; boots > 0; boots--) {
			deviceBoot(capacitySlots, discards);
			for (uint32_t operation = 0; operation < 4 + operations % 60; operation++)
				deviceOperate(&seed);
		}
		change(image % 8);
		if (random32() & 1)
			mend();
		memset(&device, 0, offsetof(Device, packet));
		device.tokens.bound = 64;
		telemetryKeptStart(&device.kept, retainedMemory, capacitySlots, &device.ring, discards, 7, 1 << 20, random32() % 16, &device.tokens);
		telemetryReaderStart(&device.reader, &device.ring, 1 << 20, random32() % 3);
		telemetryKeepMade(&device.kept, &device.reader, 1);
		kept += device.kept.pastCount > 0;
		for (;;) {
			uint32_t bytes;
			if (packets % 3 == 1)
				telemetryRingEvent(&device.ring, 8, RECORD_WS_CONNECTED, packets, 0);
			telemetryRingTick(&device.ring, 8);
			bytes = telemetryKeptFill(&device.kept, &device.ring, &device.reader, &device.past, UINT32_MAX, device.packet,
				256 + random32() % 1024);
			if (!bytes || packets > 300)
				break;
			packets++;
			write32(bytes);
			fwrite(device.packet, bytes, 1, stdout);
		}
		write32(0);
	}
	fprintf(stderr, "%u\n", kept);
	return 0;
}
