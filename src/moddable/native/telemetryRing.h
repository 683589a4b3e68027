/* The ring of src/ring/emitter.ts in C: the same slots and the same rules, which are described there. This file includes nothing of XS. */
#ifndef telemetryRing_h
#define telemetryRing_h

#include <stdint.h>

/*
 * manifests/retained.json defines MODDEF_TELEMETRY_RETAINED, the bytes of memory that outlives a reset. Without it none of this is
 * compiled.
 */
#if __has_include("mc.defines.h")
#include "mc.defines.h"
#endif

#define SLOT_WORDS 4

#ifdef MODDEF_TELEMETRY_RETAINED
/* 16 times a position, its low 32 bits. Everything before `committed` is whole; up to `claimed` something may be overwritten. */
typedef struct {
	volatile uint32_t claimed;
	volatile uint32_t committed;
} TelemetryLive;

typedef struct TelemetryKept TelemetryKept;

/* Stores do not move across it: a boot after a reset must see first what was stored first. */
#define TELEMETRY_IN_ORDER __asm__ volatile("" : : : "memory")
#endif

typedef struct TelemetryRing {
	/* All that a record of one slot needs; see telemetryRingEvent. */
	uint32_t* at; /* position of the next record */
	uint32_t* end; /* up to here only the clock is needed */
	int32_t lowMs; /* low half of the uptime, as the clock read when the ring was last settled */

	uint32_t* words;
	uint32_t* wordsEnd; /* after the last slot; the spare slots follow */
	uint32_t* counted; /* records from here to `at` are not in the figures below yet */
	uint32_t capacitySlots;
	uint32_t discards; /* policy "discard" */

	uint32_t highMs;
	uint32_t recordHighMs; /* of the newest record, or of the start */
	int32_t recordLowMs;
	uint32_t isUntold; /* refused events or messages beyond the limits that no record reports yet, or the boot's record waits for room */

	/* Slots since boot. */
	uint64_t head;
	uint64_t tail;
	uint64_t plainFrom; /* from here on each record is an event of one slot */
	uint64_t sameHighFrom; /* from here on the upper half of time is the same */
	uint64_t protectedFrom; /* must not be evicted from here on; UINT64_MAX under "overwrite" */

	/* Events since boot. */
	uint64_t eventSeq;
	uint64_t frozenFrom; /* events with this number or a greater one are refused; UINT64_MAX: none */
	uint64_t evictedEvents;
	uint64_t evictedRefused;
	uint64_t discarded;
	uint64_t lostPending; /* refused, and no record reports them yet */
	uint64_t suppressedPending; /* messages beyond the limits, likewise */

#ifdef MODDEF_TELEMETRY_RETAINED
	TelemetryLive* live;
	uint32_t turn; /* the low half of a slot's address, plus this: 16 times its position */
	uint32_t borrowed; /* slots of earlier boots, before the tail */
	TelemetryKept* kept; /* NULL: nothing of this ring outlives a reset */
	uint64_t markAt; /* the tail does not pass it */
	uint32_t markBy; /* the low half of a position: taking slots there needs a mark first */
	uint64_t bootValue;
	uint32_t bootWord; /* the boot's record, as long as there is no room for it; else 0 */
	TelemetryLive none; /* replaces the state that outlives a reset */
#endif
} TelemetryRing;

/** Starts a ring over `(capacitySlots + MAX_RECORD_SLOTS - 1) * 16` bytes; they and the ring must be zero, and the bytes aligned to 4. */
void telemetryRingStart(TelemetryRing* ring, uint32_t* words, uint32_t capacitySlots, int discards, uint64_t eventSeq, uint64_t uptimeMs);

/** Counts an event, makes room, stores its time. Returns the record, NULL if the event was refused. */
uint32_t* telemetryRingReserve(TelemetryRing* ring, uint32_t slots, int32_t nowMs);

/** Takes a reading of the clock, and reports a pending loss if there is room; every reader calls it before it reads. */
void telemetryRingTick(TelemetryRing* ring, int32_t nowMs);

/** Records that many more events, and then none, unless it is frozen already. */
void telemetryRingFreeze(TelemetryRing* ring, uint64_t events);

void telemetryRingThaw(TelemetryRing* ring);

/** That many messages were not recorded: reported before the next record. */
void telemetryRingSuppress(TelemetryRing* ring, uint32_t count);

/** Updates the figures. They may be read until the next event. */
void telemetryRingSettle(TelemetryRing* ring);

/** Updates the figures. Returns the low half of the last reading of the clock. */
int32_t telemetryRingNewest(TelemetryRing* ring);

/** Under "discard": nothing from this position on may be evicted. */
void telemetryRingProtect(TelemetryRing* ring, uint64_t position);

uint32_t* telemetryRingAt(const TelemetryRing* ring, uint64_t position);

/** Returns the time in ms since boot of the record at a position; walks to the head if the position is before sameHighFrom. */
uint64_t telemetryRingTimeAt(const TelemetryRing* ring, uint64_t position);

/** Time from the record with this low half of its time to the record that follows it. */
uint64_t telemetryElapsedMs(uint32_t previousLowMs, const uint32_t* record);

uint32_t telemetrySlotsOf(uint32_t recordType);

#ifdef MODDEF_TELEMETRY_RETAINED
/** Gives up the oldest record; there must be one. Returns its slots. */
uint32_t telemetryRingEvict(TelemetryRing* ring);

/** Writes the boot's record, the first of the ring, as soon as there is room. */
void telemetryRingBoot(TelemetryRing* ring, uint32_t word1, uint64_t value);
#endif

/** The record that was taken last is complete. */
static inline void telemetryRingCommit(TelemetryRing* ring)
{
#ifdef MODDEF_TELEMETRY_RETAINED
	TELEMETRY_IN_ORDER;
	ring->live->committed = (uint32_t)(uintptr_t)ring->at + ring->turn;
#else
	(void)ring;
#endif
}

static inline uint64_t readU64(const uint32_t* words)
{
	return (uint64_t)words[1] << 32 | words[0];
}

static inline void writeU64(uint32_t* words, uint64_t value)
{
	words[0] = (uint32_t)value;
	words[1] = (uint32_t)(value >> 32);
}

/** Records an event of one slot. */
void telemetryRingEvent(TelemetryRing* ring, int32_t nowMs, uint32_t word1, uint32_t clientId, uint32_t connEpoch);

/** Records an event with a text of that many bytes, 1 or more, in a draft with room for whole slots. Changes the draft after the text. */
static inline void telemetryRingText(TelemetryRing* ring, int32_t nowMs, uint32_t word1, uint32_t clientId, uint32_t connEpoch, uint32_t* draft,
	uint32_t bytes)
{
	uint32_t slots = (bytes + 15) / 16;
	uint32_t* record = telemetryRingReserve(ring, 1 + slots, nowMs);
	if (record) {
		const uint32_t* from = draft;
		uint32_t* end = record + (1 + slots) * SLOT_WORDS;
		record[1] = word1;
		record[2] = clientId;
		record[3] = connEpoch;
		/* Zeros to the end of the slot, then words: memset and memcpy of a C library may go byte by byte. */
		for (; bytes % 4; bytes++)
			((uint8_t*)draft)[bytes] = 0;
		for (bytes /= 4; bytes < slots * SLOT_WORDS; bytes++)
			draft[bytes] = 0;
		for (record += SLOT_WORDS; record < end; record += SLOT_WORDS, from += SLOT_WORDS) {
			record[0] = from[0];
			record[1] = from[1];
			record[2] = from[2];
			record[3] = from[3];
		}
		telemetryRingCommit(ring);
	}
}

#endif
