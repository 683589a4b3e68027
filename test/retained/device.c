#include <stddef.h>

#include "device.h"

#define EXPECT(WHAT, VALUE, EXPECTED) do { if ((VALUE) != (EXPECTED)) failed(WHAT, (uint32_t)(VALUE), (uint32_t)(EXPECTED)); } while (0)
#define HOLDS(WHAT, CONDITION) do { if (!(CONDITION)) failed(WHAT, __LINE__, 0); } while (0)

uint32_t mixed(uint32_t value)
{
	value = (value ^ value >> 16) * 0x45d9f3b;
	value = (value ^ value >> 16) * 0x45d9f3b;
	return value ^ value >> 16;
}

static BootWorld* worldOf(uint64_t bootId)
{
	BootWorld* boot = &world.boots[bootId % BOOTS];
	EXPECT("boot id", boot->bootId, bootId);
	return boot;
}

/* What an event is: a record, but for its time and token. Returns its text's bytes. */
static uint32_t eventOf(uint64_t bootId, uint32_t seq, uint32_t* word1, uint32_t* clientId, uint8_t* text)
{
	static const uint8_t receives[] = MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS;
	static const uint8_t sends[] = MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS;
	static const uint8_t connects[] = WS_CONNECT_IP_BY_SLOTS;
	uint32_t hash = mixed((uint32_t)bootId * 7919 + seq);
	uint32_t kind = hash & 7;
	uint32_t bytes = 0;
	*clientId = hash;
	if (kind < 3)
		*word1 = RECORD_MSG_RECV;
	else if (kind == 3)
		*word1 = RECORD_WS_CONNECTED;
	else if (kind == 4)
		*word1 = RECORD_MSG_RECV | RESULT_REJECTED << RESULT_SHIFT | (1 + (hash >> 8) % 4) << REASON_SHIFT;
	else {
		bytes = 1 + (hash >> 8) % (kind == 7 ? IP_MAX_BYTES : PAYLOAD_SUMMARY_MAX_BYTES);
		*word1 = (kind == 5 ? receives : kind == 6 ? sends : connects)[(bytes + 15) / 16];
	}
	for (uint32_t at = 0; at < bytes; at++)
		text[at] = (uint8_t)('a' + (hash + at) % 26);
	return bytes;
}

static int hasToken(uint32_t word1)
{
	uint32_t type = word1 & 0xff;
	return type >= RECORD_MSG_RECV && type != RECORD_WS_CONNECT_EMPTY_IP && type < 24;
}

static void checkEvent(const BootWorld* boot, uint32_t seq, const uint32_t* record)
{
	uint32_t word1, clientId;
	uint32_t text[MAX_RECORD_SLOTS * SLOT_WORDS] = { 0 };
	uint32_t bytes = eventOf(boot->bootId, seq, &word1, &clientId, (uint8_t*)text);
	EXPECT("record's type and fields", record[1] & (hasToken(word1) ? 0xffff : ~0u), word1);
	EXPECT("clientId", record[2], clientId);
	EXPECT("connEpoch", record[3], seq);
	HOLDS("the token has a name", !hasToken(word1) || record[1] >> 16 <= boot->names);
	HOLDS("text", memcmp(record + SLOT_WORDS, text, (bytes + 15) / 16 * 16) == 0);
}

/* RECEIVING */

static void checkNames(BootWorld* boot, const uint32_t* header, const uint8_t* packet)
{
	HOLDS("token packets' numbers rise", header[AT_PACKET_SEQ_NUM / 4] > boot->tokenPackets);
	boot->tokenPackets = header[AT_PACKET_SEQ_NUM / 4];
	for (uint32_t at = PACKET_HEADER_BYTES; at < header[AT_CONTENT_SIZE / 4] / 8; at += 4u + packet[at + 2]) {
		HOLDS("name", packet[at + 2] == 5 && memcmp(packet + at + 4, "type", 4) == 0 && packet[at + 8] == '0' + packet[at]);
		if (packet[at] > boot->names)
			boot->names = packet[at];
	}
}

static uint32_t lostIn(const uint32_t* record, const uint32_t* end)
{
	uint32_t lost = 0;
	for (; record < end; record += telemetrySlotsOf(record[1] & 0xff) * SLOT_WORDS)
		lost += (record[1] & 0xff) == RECORD_LOST ? record[2] : 0;
	return lost;
}

static uint32_t evictedNow(const BootWorld* boot)
{
	for (uint32_t index = 0; index < device.kept.pastCount; index++) {
		const TelemetryPast* past = &device.kept.past[index];
		if (past->boot->bootId == boot->bootId)
			return (uint32_t)(past->ring.evictedEvents + past->ring.evictedRefused);
	}
	return boot->evicted;
}

static void receive(const uint8_t* packet, uint32_t bytes)
{
	uint32_t words[sizeof(device.packet) / 4];
	const uint32_t* record = words + PACKET_HEADER_BYTES / 4;
	const uint32_t* end = words + bytes / 4;
	uint32_t events = 0, lost = 0, hash = bytes, seq, before;
	uint64_t time;
	BootWorld* boot;
	memcpy(words, packet, bytes);
	EXPECT("magic", words[0], PACKET_MAGIC);
	EXPECT("size", words[AT_PACKET_SIZE / 4], bytes * 8);
	boot = worldOf(readU64(words + AT_BOOT_ID / 4));
	if (words[AT_STREAM_ID / 4] == STREAM_TOKENS) {
		checkNames(boot, words, packet);
		return;
	}
	for (uint32_t at = 0; at < bytes / 4; at++)
		hash = (hash ^ words[at]) * 16777619;
	if (words[AT_PACKET_SEQ_NUM / 4] == boot->packets) {
		EXPECT("a packet that comes again is the same", hash, boot->hash);
		world.again++;
		return;
	}
	if (words[AT_PACKET_SEQ_NUM / 4] == boot->packets + 2) {
		/* One was made when the reset came, and then overwritten: it cannot come again, and whether it arrived the device does not know. */
		uint32_t missing = words[AT_FIRST_EVENT_SEQ / 4] - boot->nextSeq - (words[AT_EVENTS_DISCARDED / 4] - lostIn(record, end) - boot->lost);
		HOLDS("only what was overwritten is missing", missing <= (sizeof(device.packet) - PACKET_HEADER_BYTES) / SLOT_BYTES && boot->nextSeq < evictedNow(boot));
		boot->nextSeq += missing;
		boot->arrived += missing;
		boot->packets++;
		world.missing++;
	}
	EXPECT("packet number", words[AT_PACKET_SEQ_NUM / 4], boot->packets + 1);
	seq = words[AT_FIRST_EVENT_SEQ / 4];
	time = readU64(words + AT_TIMESTAMP_BEGIN / 4);
	HOLDS("time does not go back", time >= boot->endMs);
	before = (uint32_t)time;
	EXPECT("first time", record[0], before);
	while (record < end) {
		uint32_t type = record[1] & 0xff;
		HOLDS("time within a packet", record[0] >= before);
		time += record[0] - before;
		before = record[0];
		if (type < FIRST_INTERNAL_RECORD_TYPE) {
			checkEvent(boot, seq++, record);
			events++;
		}
		else if (type == RECORD_LOST) {
			HOLDS("lost", record[3] == 0 && record[2] > 0);
			lost += record[2];
			seq += record[2];
		}
		else if (type == RECORD_BOOT)
			HOLDS("boot first", boot->packets == 0 && record == words + PACKET_HEADER_BYTES / 4 && words[AT_FIRST_EVENT_SEQ / 4] == 0);
		else
			EXPECT("type", type, RECORD_TIME_JUMP);
		record += telemetrySlotsOf(type) * SLOT_WORDS;
	}
	HOLDS("whole records", record == end);
	EXPECT("last time", time, readU64(words + AT_TIMESTAMP_END / 4));
	/* Nothing was lost on the way. */
	EXPECT("events between packets are told as lost", words[AT_FIRST_EVENT_SEQ / 4] - boot->nextSeq, words[AT_EVENTS_DISCARDED / 4] - lost - boot->lost);
	boot->lost = words[AT_EVENTS_DISCARDED / 4];
	boot->arrived += events;
	boot->nextSeq = seq;
	EXPECT("identity", boot->lost + boot->arrived, boot->nextSeq);
	boot->packets++;
	boot->hash = hash;
	boot->endMs = time;
	world.arrived += events;
}

/* The ring is about to be frozen, or thawed. */
static void changes(void)
{
	outside();
	world.boots[device.bootId % BOOTS].isChanging = 1;
	inside();
}

uint32_t deviceFill(uint32_t mostBytes)
{
	uint32_t bytes;
	if (device.kept.isCarried)
		changes();
	telemetryRingTick(&device.ring, device.clockMs);
	bytes = telemetryKeptFill(&device.kept, &device.ring, &device.reader, &device.past, UINT32_MAX, device.packet, mostBytes);
	outside();
	if (bytes)
		receive(device.packet, bytes);
	inside();
	return bytes;
}

/* WHAT MUST BE THERE */

static uint32_t evictedOf(const TelemetryRing* ring)
{
	return (uint32_t)(ring->evictedEvents + ring->evictedRefused);
}

/* What an operation has done is certain from here on. */
static void note(void)
{
	BootWorld* boot = &world.boots[device.bootId % BOOTS];
	outside();
	telemetryRingSettle(&device.ring);
	boot->committed = (uint32_t)device.ring.eventSeq;
	boot->evicted = evictedOf(&device.ring);
	boot->refused = (uint32_t)device.ring.discarded;
	boot->frozenFrom = device.ring.frozenFrom;
	boot->isChanging = 0;
	for (uint32_t index = 0; index < device.kept.pastCount; index++) {
		const TelemetryPast* past = &device.kept.past[index];
		world.boots[past->boot->bootId % BOOTS].evicted = evictedOf(&past->ring);
	}
	inside();
}

/* A ring that was frozen is so, for as many events as were left; `before`: the boot before, as it is found. */
static void checkFrozen(const BootWorld* before, int isExact)
{
	uint64_t left = before->frozenFrom > before->committed ? before->frozenFrom - before->committed : 0;
	uint64_t now = device.ring.frozenFrom;
	if (before->isChanging || before->bootId != device.bootId - 1)
		return;
	if (before->frozenFrom == UINT64_MAX || device.kept.pastCount == 0)
		HOLDS("it is not frozen", now == UINT64_MAX);
	else {
		HOLDS("it is frozen as before", now == left || (!isExact && left > 0 && now == left - 1));
		world.frozen++;
	}
}

static void checkBoot(void)
{
	const BootWorld* before = &world.boots[(device.bootId - 1) % BOOTS];
	int isExact = 0;
	for (uint64_t id = device.bootId > 5 ? device.bootId - 5 : 1; id < device.bootId; id++) {
		BootWorld* boot = &world.boots[id % BOOTS];
		const TelemetryPast* found = NULL;
		if (boot->bootId != id)
			continue;
		for (uint32_t index = 0; index < device.kept.pastCount; index++) {
			if (device.kept.past[index].boot->bootId == id)
				found = &device.kept.past[index];
		}
		if (!found) {
			/* An operation that was under way may have evicted the last of it. */
			HOLDS("no committed event is missing", boot->nextSeq >= boot->committed || boot->evicted + 10 + boot->refused >= boot->committed);
			boot->evicted = boot->committed;
			continue;
		}
		HOLDS("all that was committed, and no more than one", found->ring.eventSeq - boot->committed <= 1);
		HOLDS("what was there, but for what was to be evicted", evictedOf(&found->ring) - boot->evicted <= 10 + boot->refused);
		boot->committed = (uint32_t)found->ring.eventSeq;
		boot->evicted = evictedOf(&found->ring);
		isExact |= boot == before;
	}
	checkFrozen(before, isExact);
}

void deviceBoot(uint32_t capacitySlots, int discards)
{
	BootWorld* boot;
	outside();
	memset(&device, 0, offsetof(Device, packet));
	device.bootId = world.nextBootId++;
	boot = &world.boots[device.bootId % BOOTS];
	memset(boot, 0, sizeof(*boot));
	boot->bootId = device.bootId;
	boot->isChanging = 1;
	device.tokens.bound = 64;
	device.tokens.seed = (uint32_t)device.bootId;
	device.clockMs = (int32_t)(mixed((uint32_t)device.bootId) % 3 == 0 ? 0x7fffff00 : 5);
	inside();
	telemetryKeptStart(&device.kept, retainedMemory, capacitySlots, &device.ring, discards, (uint32_t)device.clockMs, device.bootId, 4, &device.tokens);
	telemetryReaderStart(&device.reader, &device.ring, device.bootId, 0);
	telemetryKeepMade(&device.kept, &device.reader, 1);
	if (discards)
		telemetryRingProtect(&device.ring, device.reader.position);
	outside();
	checkBoot();
	inside();
	note();
}

void deviceDrainAll(void)
{
	changes();
	telemetryRingThaw(&device.ring); /* what was refused is told then */
	while (deviceFill(sizeof(device.packet))) {
		if (device.ring.discards)
			telemetryRingProtect(&device.ring, device.reader.position);
	}
	outside();
	for (uint32_t index = 0; index < BOOTS; index++) {
		const BootWorld* boot = &world.boots[index];
		/* Of a boot whose last events were evicted no packet tells any more. */
		if (boot->bootId && boot->nextSeq != boot->committed)
			HOLDS("all that was committed has arrived, or was overwritten", boot->nextSeq < boot->committed && boot->evicted == boot->committed);
	}
	inside();
}

static void emit(void)
{
	uint32_t draft[MAX_RECORD_SLOTS * SLOT_WORDS];
	uint32_t word1, clientId, bytes, seq;
	outside();
	telemetryRingSettle(&device.ring);
	seq = (uint32_t)device.ring.eventSeq;
	bytes = eventOf(device.bootId, seq, &word1, &clientId, (uint8_t*)draft);
	if (hasToken(word1))
		word1 |= clientId % (device.tokens.count + 1) << MSG_TYPE_SHIFT;
	inside();
	if (bytes)
		telemetryRingText(&device.ring, device.clockMs, word1, clientId, seq, draft, bytes);
	else
		telemetryRingEvent(&device.ring, device.clockMs, word1, clientId, seq);
}

static void emitUnsettled(uint32_t count)
{
	/* A run of the common case, whose figures nobody asks for in between. */
	uint32_t seq = (uint32_t)device.ring.eventSeq;
	for (uint32_t done = 0; done < count; done++, seq++) {
		uint32_t word1, clientId;
		uint32_t draft[MAX_RECORD_SLOTS * SLOT_WORDS];
		BootWorld* boot = &world.boots[device.bootId % BOOTS];
		uint32_t bytes;
		outside();
		bytes = eventOf(device.bootId, seq, &word1, &clientId, (uint8_t*)draft);
		inside();
		if (bytes)
			break;
		telemetryRingEvent(&device.ring, device.clockMs, word1, clientId, seq);
		outside();
		boot->committed = seq + 1;
		if (device.ring.head - device.ring.tail + (uint32_t)(device.ring.at - device.ring.counted) / SLOT_WORDS > device.ring.capacitySlots)
			boot->evicted = (uint32_t)(device.ring.head + (uint32_t)(device.ring.at - device.ring.counted) / SLOT_WORDS
				- device.ring.capacitySlots - device.ring.tail) + evictedOf(&device.ring);
		inside();
	}
}

static void freezeOrThaw(uint32_t events)
{
	changes();
	if (device.ring.frozenFrom == UINT64_MAX)
		telemetryRingFreeze(&device.ring, events);
	else
		telemetryRingThaw(&device.ring);
}

static uint32_t evictedInAll(void)
{
	uint32_t evicted = evictedOf(&device.ring);
	for (uint32_t index = 0; index < device.kept.pastCount; index++)
		evicted += evictedOf(&device.kept.past[index].ring);
	return evicted;
}

void deviceOperate(uint32_t* seed)
{
	uint32_t chosen, evicted;
	int isRefusing;
	*seed = *seed * 1664525 + 1013904223;
	chosen = mixed(*seed) % 64;
	outside();
	telemetryRingSettle(&device.ring);
	isRefusing = device.ring.eventSeq >= device.ring.frozenFrom;
	evicted = evictedInAll();
	inside();
	if (mixed(*seed + 2) % 24 == 0)
		freezeOrThaw(mixed(*seed + 3) % 12);
	else if (chosen < 36)
		emit();
	else if (chosen < 44)
		emitUnsettled(6);
	else if (chosen < 56) {
		deviceFill(256 + (chosen & 3) * 256);
		if (device.ring.discards)
			telemetryRingProtect(&device.ring, device.reader.position);
	}
	else if (chosen < 59) {
		if (device.tokens.count < 9) {
			uint8_t name[] = { 't', 'y', 'p', 'e', (uint8_t)('1' + device.tokens.count) };
			telemetryKeptToken(&device.kept, name, sizeof(name));
		}
	}
	else if (chosen < 63)
		device.clockMs = (int32_t)((uint32_t)device.clockMs + mixed(*seed + 1) % 400);
	else {
		device.clockMs = (int32_t)((uint32_t)device.clockMs + 0x70000000u);
		telemetryRingTick(&device.ring, device.clockMs);
	}
	outside();
	if (isRefusing && device.ring.frozenFrom != UINT64_MAX)
		EXPECT("events that were evicted from a frozen ring", evictedInAll(), evicted);
	inside();
	note();
}
