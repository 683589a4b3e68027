#include <stddef.h>

#include "telemetryRing.h"
#include "telemetryLayout.h"
#ifdef MODDEF_TELEMETRY_RETAINED
#include "../retained/telemetryRetained.h"
#endif

static const uint8_t recordSlots[] = RECORD_SLOTS;

uint32_t telemetrySlotsOf(uint32_t recordType)
{
	return recordType < sizeof(recordSlots) ? recordSlots[recordType] : 1;
}

static uint32_t recordType(const uint32_t* record)
{
	return record[1] & 0xff;
}

void telemetryRingSettle(TelemetryRing* ring)
{
	uint32_t written = (uint32_t)(ring->at - ring->counted) / SLOT_WORDS;
	if (written == 0)
		return;
	ring->counted = ring->at;
	ring->head += written;
	ring->eventSeq += written;
	ring->lowMs = ring->recordLowMs = (int32_t)ring->at[-SLOT_WORDS];
	if (ring->head - ring->tail > ring->capacitySlots) {
		uint64_t tail = ring->head - ring->capacitySlots;
		ring->evictedEvents += tail - ring->tail;
		ring->tail = tail;
	}
}

/*
 * Takes a reading of the clock as the time. Everything is settled here, after the clock: it may belong to a script, which may have emitted
 * and drained.
 */
static void advance(TelemetryRing* ring, int32_t nowMs)
{
	telemetryRingSettle(ring);
	if (ring->lowMs < 0 && nowMs >= 0)
		ring->highMs++;
	ring->lowMs = nowMs;
}

/* Slots that hold nothing. */
static uint64_t freeSlots(const TelemetryRing* ring)
{
#ifdef MODDEF_TELEMETRY_RETAINED
	return ring->capacitySlots - ring->borrowed - (ring->head - ring->tail);
#else
	return ring->capacitySlots - (ring->head - ring->tail);
#endif
}

static void close(TelemetryRing* ring)
{
	ring->end = ring->at;
}

/* How far records of one slot may go on the fast path: not past a pending loss, nor past anything but a plain record. */
static void open(TelemetryRing* ring)
{
	uint64_t room = freeSlots(ring);
	uint32_t left = (uint32_t)(ring->wordsEnd - ring->at) / SLOT_WORDS;
	if (ring->tail >= ring->plainFrom) {
		uint64_t bound = ring->protectedFrom < ring->head ? ring->protectedFrom : ring->head;
#ifdef MODDEF_TELEMETRY_RETAINED
		if (ring->borrowed)
			bound = 0;
		else if (ring->kept && bound > ring->markAt)
			bound = ring->markAt;
#endif
		if (bound > ring->tail)
			room += bound - ring->tail;
	}
	if (room > ring->frozenFrom - ring->eventSeq)
		room = ring->frozenFrom - ring->eventSeq;
	ring->end = ring->at + (room < left ? (uint32_t)room : left) * SLOT_WORDS;
}

/* Gives up the oldest record; there must be one. Returns its slots. */
static inline __attribute__((always_inline)) uint32_t evict(TelemetryRing* ring)
{
	const uint32_t* record = telemetryRingAt(ring, ring->tail);
	uint32_t type = recordType(record);
	uint32_t slots = telemetrySlotsOf(type);
	if (type < FIRST_INTERNAL_RECORD_TYPE)
		ring->evictedEvents++;
	else if (type == RECORD_LOST)
		ring->evictedRefused += readU64(record + 2);
	ring->tail += slots;
	return slots;
}

#ifdef MODDEF_TELEMETRY_RETAINED
uint32_t telemetryRingEvict(TelemetryRing* ring)
{
	return evict(ring);
}

static int makeRoom(TelemetryRing* ring, uint32_t slots)
{
	uint32_t used = (uint32_t)ring->head - (uint32_t)ring->tail + ring->borrowed + slots;
	int hasRoom = 1;
	if (used <= ring->capacitySlots)
		return 1;
	while (used > ring->capacitySlots && hasRoom) {
		if (ring->borrowed)
			used -= telemetryKeptEvict(ring, &hasRoom);
		else if (ring->tail >= ring->protectedFrom)
			hasRoom = 0;
		else
			used -= evict(ring);
	}
	/* Announced before anything is written there. */
	if (ring->kept)
		ring->kept->boot->tail = (uint32_t)ring->tail << 4;
	return hasRoom;
}
#else
static int makeRoom(TelemetryRing* ring, uint32_t slots)
{
	while (freeSlots(ring) < slots) {
		if (ring->tail >= ring->protectedFrom)
			return 0;
		evict(ring);
	}
	return 1;
}
#endif

/* Takes slots that there is room for, and stores the time. */
static uint32_t* take(TelemetryRing* ring, uint32_t slots)
{
	uint32_t* record = ring->at < ring->wordsEnd ? ring->at : ring->words;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (ring->at >= ring->wordsEnd)
		ring->turn += ring->capacitySlots * 16;
#endif
	if (ring->highMs != ring->recordHighMs) {
		ring->recordHighMs = ring->highMs;
		ring->sameHighFrom = ring->head;
	}
	ring->head += slots;
	ring->at = record + slots * SLOT_WORDS;
	if (ring->at >= ring->wordsEnd) {
		ring->at -= ring->capacitySlots * SLOT_WORDS;
#ifdef MODDEF_TELEMETRY_RETAINED
		ring->turn += ring->capacitySlots * 16;
#endif
	}
#ifdef MODDEF_TELEMETRY_RETAINED
	ring->live->claimed = (uint32_t)(uintptr_t)ring->at + ring->turn;
	TELEMETRY_IN_ORDER;
#endif
	ring->counted = ring->at;
	ring->recordLowMs = ring->lowMs;
	record[0] = (uint32_t)ring->lowMs;
	return record;
}

static __attribute__((noinline)) void takeInternal(TelemetryRing* ring, uint32_t type, uint64_t value)
{
	uint32_t* record = take(ring, 1);
	record[1] = type;
	writeU64(record + 2, value);
	ring->plainFrom = ring->head;
	telemetryRingCommit(ring);
}



static uint64_t uptimeMs(const TelemetryRing* ring)
{
	return (uint64_t)ring->highMs << 32 | (uint32_t)ring->lowMs;
}

static uint64_t newestMs(const TelemetryRing* ring)
{
	return (uint64_t)ring->recordHighMs << 32 | (uint32_t)ring->recordLowMs;
}

/* Writes the internal records that must precede a record of `slots`. Returns 0, and writes nothing, if there is no room. */
static int precede(TelemetryRing* ring, uint32_t slots)
{
	uint64_t idleMs = uptimeMs(ring) - newestMs(ring);
	int jumped = idleMs >= TIME_JUMP_MS;
#ifdef MODDEF_TELEMETRY_RETAINED
	if (ring->bootWord) {
		uint32_t highMs = ring->highMs;
		int32_t lowMs = ring->lowMs;
		if (!makeRoom(ring, 1))
			return 0;
		ring->highMs = ring->recordHighMs;
		ring->lowMs = ring->recordLowMs;
		takeInternal(ring, ring->bootWord, ring->bootValue);
		ring->bootWord = 0;
		ring->highMs = highMs;
		ring->lowMs = lowMs;
	}
#endif
	if (!makeRoom(ring, slots + (jumped ? 1 : 0) + (ring->lostPending ? 1 : 0) + (ring->suppressedPending ? 1 : 0)))
		return 0;
	if (jumped)
		takeInternal(ring, RECORD_TIME_JUMP, idleMs);
	if (ring->lostPending)
		takeInternal(ring, RECORD_LOST, ring->lostPending);
	if (ring->suppressedPending)
		takeInternal(ring, RECORD_SUPPRESSED, ring->suppressedPending);
	ring->lostPending = ring->suppressedPending = 0;
	ring->isUntold = 0;
	return 1;
}

#ifdef MODDEF_TELEMETRY_RETAINED
void telemetryRingBoot(TelemetryRing* ring, uint32_t word1, uint64_t value)
{
	ring->bootWord = word1;
	ring->bootValue = value;
	ring->isUntold = 1;
	/* A frozen ring keeps what it has. */
	if (ring->frozenFrom > 0 || freeSlots(ring) > 0)
		precede(ring, 0);
	close(ring);
}
#endif

uint32_t* telemetryRingReserve(TelemetryRing* ring, uint32_t slots, int32_t nowMs)
{
	uint32_t* record;
	advance(ring, nowMs);
#ifdef MODDEF_TELEMETRY_RETAINED
	if ((uint32_t)ring->head >= ring->markBy)
		telemetryKeepMark(ring);
#endif
	ring->eventSeq++;
	/* Most records need no other record before them. */
	if (ring->eventSeq > ring->frozenFrom || !(ring->isUntold || ring->highMs != ring->recordHighMs || (nowMs ^ ring->recordLowMs) < 0 ? precede(ring, slots)
		: makeRoom(ring, slots))) {
		ring->discarded++;
		ring->lostPending++;
		ring->isUntold = 1;
		close(ring);
#ifdef MODDEF_TELEMETRY_RETAINED
		if (ring->kept)
			ring->kept->boot->discarded = (uint32_t)ring->discarded;
#endif
		return NULL;
	}
	record = take(ring, slots);
	if (slots == 1)
		open(ring);
	else {
		ring->plainFrom = ring->head;
		close(ring);
	}
	return record;
}

void telemetryRingEvent(TelemetryRing* ring, int32_t nowMs, uint32_t word1, uint32_t clientId, uint32_t connEpoch)
{
	uint32_t* record = ring->at;
	/* telemetryRingReserve, with the common case inlined. */
	if (record < ring->end && (nowMs ^ ring->lowMs) >= 0) {
		ring->at = record + SLOT_WORDS;
#ifdef MODDEF_TELEMETRY_RETAINED
		ring->live->claimed = (uint32_t)(uintptr_t)(record + SLOT_WORDS) + ring->turn;
		TELEMETRY_IN_ORDER;
#endif
		record[0] = (uint32_t)nowMs;
	}
	else {
		record = telemetryRingReserve(ring, 1, nowMs);
		if (!record)
			return;
	}
	record[1] = word1;
	record[2] = clientId;
	record[3] = connEpoch;
	telemetryRingCommit(ring);
}

void telemetryRingTick(TelemetryRing* ring, int32_t nowMs)
{
	advance(ring, nowMs);
	/* In a frozen ring nothing is written, because it could evict. */
	if (ring->isUntold && ring->eventSeq < ring->frozenFrom) {
#ifdef MODDEF_TELEMETRY_RETAINED
		telemetryKeepMark(ring);
#endif
		precede(ring, 0);
		close(ring);
	}
	/* If the half differs from the newest record's, the next record may need more than its time. */
	if (ring->highMs != ring->recordHighMs || (ring->lowMs ^ ring->recordLowMs) < 0)
		close(ring);
}

void telemetryRingFreeze(TelemetryRing* ring, uint64_t events)
{
	if (ring->frozenFrom != UINT64_MAX)
		return;
	telemetryRingSettle(ring);
	ring->frozenFrom = ring->eventSeq + events;
	close(ring);
#ifdef MODDEF_TELEMETRY_RETAINED
	telemetryKeepFrozen(ring);
#endif
}

void telemetryRingThaw(TelemetryRing* ring)
{
	ring->frozenFrom = UINT64_MAX;
#ifdef MODDEF_TELEMETRY_RETAINED
	telemetryKeepFrozen(ring);
#endif
}

void telemetryRingSuppress(TelemetryRing* ring, uint32_t count)
{
	ring->suppressedPending += count;
	ring->isUntold = 1;
	close(ring);
}

int32_t telemetryRingNewest(TelemetryRing* ring)
{
	telemetryRingSettle(ring);
	return ring->lowMs;
}

void telemetryRingProtect(TelemetryRing* ring, uint64_t position)
{
	if (!ring->discards)
		return;
	ring->protectedFrom = position;
	close(ring);
}

uint32_t* telemetryRingAt(const TelemetryRing* ring, uint64_t position)
{
	/* A record at the head or before it, but not before the tail: no 64-bit division. */
	uint32_t back = (uint32_t)(ring->head - position) * SLOT_WORDS;
	uint32_t ahead = (uint32_t)(ring->at - ring->words);
	return ring->words + (back <= ahead ? ahead - back : ahead + ring->capacitySlots * SLOT_WORDS - back);
}

uint64_t telemetryElapsedMs(uint32_t previousLowMs, const uint32_t* record)
{
	return recordType(record) == RECORD_TIME_JUMP ? readU64(record + 2) : (uint32_t)(record[0] - previousLowMs);
}

uint64_t telemetryRingTimeAt(const TelemetryRing* ring, uint64_t position)
{
	const uint32_t* record = telemetryRingAt(ring, position);
	uint64_t time;
	if (position >= ring->sameHighFrom)
		return (uint64_t)ring->recordHighMs << 32 | record[0];
	time = newestMs(ring);
	for (;;) {
		uint32_t previousLowMs = record[0];
		position += telemetrySlotsOf(recordType(record));
		if (position >= ring->head)
			return time;
		record = telemetryRingAt(ring, position);
		time -= telemetryElapsedMs(previousLowMs, record);
	}
}

void telemetryRingStart(TelemetryRing* ring, uint32_t* words, uint32_t capacitySlots, int discards, uint64_t eventSeq, uint64_t uptimeMs)
{
	ring->at = ring->end = ring->counted = ring->words = words; /* the first record takes the slow path */
	ring->wordsEnd = words + capacitySlots * SLOT_WORDS;
	ring->capacitySlots = capacitySlots;
	ring->discards = (uint32_t)discards;
	ring->protectedFrom = discards ? 0 : UINT64_MAX;
	ring->eventSeq = ring->evictedEvents = eventSeq;
	ring->frozenFrom = UINT64_MAX;
	ring->lowMs = ring->recordLowMs = (int32_t)(uint32_t)uptimeMs;
	ring->highMs = ring->recordHighMs = (uint32_t)(uptimeMs >> 32);
#ifdef MODDEF_TELEMETRY_RETAINED
	ring->live = &ring->none;
#endif
}
