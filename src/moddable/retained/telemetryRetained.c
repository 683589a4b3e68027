/* One file, because writing this memory and reading it at the next boot are two sides of one order of stores. */
#include "telemetryRetained.h"

#ifdef MODDEF_TELEMETRY_RETAINED

#include <string.h>

#include "telemetryChecks.h"

#define MAGIC 0x52587354u
#define LAYOUT (1u << 16 | (uint32_t)sizeof(TelemetryState))
#define BOOT_MASK (TELEMETRY_KEPT_BOOTS - 1)
/*
 * Slots that a record and the format's own records before it take, and that they may evict, including the excess of the last evicted
 * record.
 */
#define MOST_AT_ONCE (MAX_RECORD_SLOTS + 2 + MAX_RECORD_SLOTS - 1)

_Static_assert((TELEMETRY_KEPT_BOOTS & BOOT_MASK) == 0, "an index wraps by a mask");
_Static_assert(sizeof(TelemetryState) < 65536, "its size is part of LAYOUT");

static const uint32_t fingerprint[] = FINGERPRINT_WORDS;

/* CHECKSUMS */

static uint32_t sumOf(const void* from, const uint32_t* end)
{
	uint32_t sum = 2166136261u;
	for (const uint32_t* word = from; word < end; word++)
		sum = (sum ^ *word) * 16777619;
	return sum;
}

#define SUM(THING) sumOf(THING, &(THING)->sum)

static uint32_t namesWord(const uint8_t* names, uint32_t bytes)
{
	uint32_t sum = 2166136261u;
	for (uint32_t index = 0; index < bytes; index++)
		sum = (sum ^ names[index]) * 16777619;
	return (sum ^ sum >> 16) << 16 | bytes;
}

static uint32_t bootsWord(uint32_t first, uint32_t count)
{
	uint32_t value = count << 4 | (first & BOOT_MASK);
	return ~value << 16 | value;
}

/* WHILE IT RUNS */

static void mark(TelemetryKeptBoot* boot, const TelemetryRing* ring)
{
	uint32_t next = boot->chosen ^ 1;
	TelemetryMark* to = &boot->marks[next];
	boot->tail = (uint32_t)ring->tail << 4; /* it may have gone another round of the ring without being reported */
	to->position = ring->head;
	to->eventSeq = ring->eventSeq - ring->lostPending;
	to->refused = ring->discarded - ring->lostPending;
	to->discarded = ring->discarded;
	to->newestMs = (uint64_t)ring->recordHighMs << 32 | (uint32_t)ring->recordLowMs;
	to->sum = SUM(to);
	TELEMETRY_IN_ORDER;
	boot->chosen = next;
	TELEMETRY_IN_ORDER;
}

void telemetryKeepMark(TelemetryRing* ring)
{
	if (ring->kept && (uint32_t)(ring->head - ring->markAt) + MOST_AT_ONCE > ring->capacitySlots) {
		mark(ring->kept->boot, ring);
		ring->markAt = ring->head;
	}
	ring->markBy = UINT32_MAX;
	if (ring->kept)
		ring->markBy = ring->capacitySlots > MOST_AT_ONCE ? (uint32_t)ring->markAt + ring->capacitySlots - MOST_AT_ONCE : 0;
	/* Where the low half of positions wraps, it is requested too often rather than too seldom. */
	if (ring->kept && ring->markBy < (uint32_t)ring->markAt)
		ring->markBy = 0;
}

static uint32_t frozenSum(const TelemetryFrozen* frozen)
{
	return SUM(frozen) | 1;
}

static void freeze(TelemetryFrozen* to, uint64_t from, uint32_t isCarried)
{
	to->sum = 0;
	TELEMETRY_IN_ORDER;
	if (from == UINT64_MAX)
		return;
	to->from = from;
	to->isCarried = isCarried;
	TELEMETRY_IN_ORDER;
	to->sum = frozenSum(to);
	TELEMETRY_IN_ORDER;
}

void telemetryKeepFrozen(TelemetryRing* ring)
{
	if (!ring->kept)
		return;
	ring->kept->isCarried = 0;
	freeze(&ring->kept->boot->frozen, ring->frozenFrom, 0);
}

uint32_t telemetryKeptEvict(TelemetryRing* ring, int* hasRoom)
{
	uint32_t slots;
	TelemetryKept* kept = ring->kept;
	TelemetryPast* past = &kept->past[kept->pastFrom];
	if (ring->discards) {
		*hasRoom = 0;
		return 0;
	}
	while (past->ring.tail == past->ring.head)
		past++;
	slots = telemetryRingEvict(&past->ring);
	ring->borrowed -= slots;
	past->boot->tail = (uint32_t)past->ring.tail << 4;
	return slots;
}

int32_t telemetryKeptToken(TelemetryKept* kept, const uint8_t* name, uint32_t bytes)
{
	TelemetryState* state = kept->state;
	TelemetryTokens* tokens = kept->tokens;
	uint32_t before = tokens->count;
	uint32_t bound = tokens->bound;
	uint32_t end = state->names & 0xffff;
	int32_t token;
	if (end + 1 + bytes > TELEMETRY_KEPT_NAME_BYTES)
		tokens->bound = 0; /* no new one */
	token = telemetryToken(tokens, name, bytes);
	tokens->bound = bound;
	if (tokens->count > before) {
		state->nameBytes[end] = (uint8_t)bytes;
		memcpy(state->nameBytes + end + 1, name, bytes);
		TELEMETRY_IN_ORDER;
		state->names = namesWord(state->nameBytes, end + 1 + bytes);
	}
	return token;
}

/* PLACES OF READERS */

static void choose(TelemetryKeptReader* reader, const TelemetryPlace* place)
{
	uint32_t next = reader->chosen ^ 1;
	reader->places[next] = *place;
	reader->places[next].sum = SUM(place);
	TELEMETRY_IN_ORDER;
	reader->chosen = next;
	TELEMETRY_IN_ORDER;
}

static TelemetryPlace placeOf(const TelemetryReader* reader)
{
	return (TelemetryPlace){ .position = reader->position, .eventSeq = reader->eventSeq, .overwritten = reader->overwritten,
		.refusedSeen = reader->refusedSeen, .dataPackets = reader->dataPackets, .tokenPackets = reader->tokenPackets };
}

static void keepGiven(TelemetryKeptReader* kept, const TelemetryReader* before, const TelemetryReader* after, uint32_t pending)
{
	TelemetryPlace place = placeOf(before);
	place.givenSlots = (uint32_t)(after->position - before->position);
	place.givenLost = after->refusedSeen - before->refusedSeen;
	place.givenEvents = (uint32_t)(after->eventSeq - before->eventSeq - place.givenLost);
	place.givenPending = pending;
	choose(kept, &place);
}

static void keepTokens(TelemetryKeptReader* kept, const TelemetryReader* reader)
{
	TelemetryPlace place = kept->places[kept->chosen];
	place.tokenPackets = reader->tokenPackets;
	choose(kept, &place);
}

void telemetryKeepMade(TelemetryKept* kept, const TelemetryReader* reader, int isOpen)
{
	if (reader->number < TELEMETRY_KEPT_READERS)
		kept->boot->readers[reader->number].isOpen = (uint32_t)isOpen;
}

static void keepLiveGiven(TelemetryKept* kept, const TelemetryReader* before, const TelemetryReader* after, const TelemetryRing* ring)
{
	if (after->number < TELEMETRY_KEPT_READERS)
		keepGiven(&kept->boot->readers[after->number], before, after, (uint32_t)(ring->head - after->position));
}

static void keepLiveTokens(TelemetryKept* kept, const TelemetryReader* reader)
{
	if (reader->number < TELEMETRY_KEPT_READERS)
		keepTokens(&kept->boot->readers[reader->number], reader);
}

static void keepTaken(TelemetryKept* kept, const TelemetryReader* reader)
{
	TelemetryKeptReader* of = kept->boot->readers;
	TelemetryPlace place;
	if (reader->number >= TELEMETRY_KEPT_READERS)
		return;
	of += reader->number;
	if (!of->places[of->chosen].givenSlots)
		return;
	place = placeOf(reader);
	choose(of, &place);
}

/* READERS OF EARLIER BOOTS */

static void pass(TelemetryReader* reader, const TelemetryPlace* given)
{
	reader->position += given->givenSlots;
	reader->eventSeq += given->givenEvents + given->givenLost;
	reader->refusedSeen += given->givenLost;
	reader->dataPackets += given->givenSlots > 0;
}

static TelemetryKeptReader* keptReader(TelemetryKept* kept, const TelemetryPastReader* past)
{
	return &kept->past[past->at].boot->readers[past->reader.number];
}

static void takePlace(TelemetryKept* kept, TelemetryPastReader* past, uint32_t mostBytes)
{
	TelemetryPast* from = &kept->past[past->at];
	TelemetryReader* reader = &past->reader;
	TelemetryKeptReader* of = &from->boot->readers[reader->number];
	const TelemetryPlace* place = &of->places[of->chosen];
	of->isOpen = 1;
	reader->position = place->position;
	reader->eventSeq = place->eventSeq;
	reader->overwritten = place->overwritten;
	reader->refusedSeen = place->refusedSeen;
	reader->dataPackets = place->dataPackets;
	reader->tokenPackets = place->tokenPackets;
	reader->repeatedAt = 0;
	reader->follows = 0;
	reader->bootId = from->boot->bootId;
	past->isPlaced = 1;
	past->isAgain = place->givenSlots > 0 && place->position >= from->ring.tail
		&& PACKET_HEADER_BYTES + place->givenSlots * SLOT_BYTES <= mostBytes;
	if (!past->isAgain)
		pass(reader, place);
}

static int pastWaits(TelemetryKept* kept, TelemetryPastReader* past, uint32_t number, uint32_t mostBytes)
{
	if (number >= TELEMETRY_KEPT_READERS)
		past->at = kept->pastCount;
	while (past->at < kept->pastCount) {
		TelemetryRing* ring = &kept->past[past->at].ring;
		if (past->at < kept->pastFrom) {
			past->at = kept->pastFrom;
			past->isPlaced = 0;
			past->reader.tokensSent = 0;
			continue;
		}
		past->reader.number = number;
		if (!past->isPlaced)
			takePlace(kept, past, mostBytes);
		if (past->reader.position < ring->tail && past->isAgain) {
			const TelemetryKeptReader* of = keptReader(kept, past);
			past->isAgain = 0;
			pass(&past->reader, &of->places[of->chosen]);
		}
		telemetryReaderCatchUp(&past->reader, ring);
		if (past->reader.position < ring->head + (ring->lostPending > 0))
			return 1;
		past->at++;
		past->isPlaced = 0;
		past->reader.tokensSent = 0;
	}
	return 0;
}

static uint32_t pastPacket(TelemetryKept* kept, TelemetryPastReader* past, uint8_t* to, uint32_t mostBytes)
{
	TelemetryRing* ring = &kept->past[past->at].ring;
	TelemetryKeptReader* of = keptReader(kept, past);
	const TelemetryPlace* place = &of->places[of->chosen];
	TelemetryReader before = past->reader;
	uint32_t bytes;
	if (past->isAgain)
		mostBytes = PACKET_HEADER_BYTES + place->givenSlots * SLOT_BYTES;
	if (past->reader.position == ring->head) {
		/* After the last record the ring continues with another boot: events that were refused and not reported are reported from here. */
		uint32_t record[SLOT_WORDS] = { (uint32_t)ring->recordLowMs, RECORD_LOST };
		TelemetryRing told = { .words = record, .wordsEnd = record + SLOT_WORDS, .at = record + SLOT_WORDS, .head = ring->head + 1,
			.tail = ring->head, .recordHighMs = ring->recordHighMs, .recordLowMs = ring->recordLowMs, .capacitySlots = ring->capacitySlots };
		writeU64(record + 2, ring->lostPending);
		bytes = telemetryDataPacket(&past->reader, &told, to, mostBytes);
	}
	else
		bytes = telemetryDataPacket(&past->reader, ring, to, mostBytes);
	if (past->isAgain)
		memcpy(to + AT_RING_PENDING_SLOTS, &place->givenPending, 4);
	else
		keepGiven(of, &before, &past->reader, past->reader.position > ring->head ? 0 : (uint32_t)(ring->head - past->reader.position));
	past->isAgain = 0;
	return bytes;
}

static void release(TelemetryKept* kept, TelemetryRing* live, uint32_t leastAt)
{
	while (kept->pastFrom < leastAt) {
		const TelemetryRing* ring = &kept->past[kept->pastFrom].ring;
		uint32_t value = kept->state->boots;
		kept->state->boots = bootsWord((value & 15) + 1, (value >> 4 & 15) - 1);
		TELEMETRY_IN_ORDER;
		live->borrowed -= (uint32_t)(ring->head - ring->tail);
		kept->pastFrom++;
	}
	/* The events for which it was frozen have been read, and nobody in this boot has requested the freeze. */
	if (kept->isCarried && kept->pastFrom == kept->pastCount)
		telemetryRingThaw(live);
}

uint32_t telemetryKeptFill(TelemetryKept* kept, TelemetryRing* ring, TelemetryReader* reader, TelemetryPastReader* past, uint32_t othersAt,
	uint8_t* to, uint32_t mostBytes)
{
	const TelemetryTokens* tokens = kept->tokens;
	int waits = pastWaits(kept, past, reader->number, mostBytes);
	uint32_t bytes;
	if (kept->pastFrom < kept->pastCount) {
		release(kept, ring, othersAt < past->at ? othersAt : past->at);
		telemetryRingTick(ring, ring->lowMs); /* there may be room now for pending reports */
	}
	if (waits) {
		if (past->reader.tokensSent == tokens->count)
			return pastPacket(kept, past, to, mostBytes);
		bytes = telemetryNamesPacket(&past->reader, &kept->past[past->at].ring, tokens, to, mostBytes);
		keepTokens(keptReader(kept, past), &past->reader);
		return bytes;
	}
	telemetryReaderCatchUp(reader, ring);
	if (reader->position == ring->head) {
		keepTaken(kept, reader);
		return 0;
	}
	if (reader->tokensSent < tokens->count) {
		bytes = telemetryNamesPacket(reader, ring, tokens, to, mostBytes);
		keepLiveTokens(kept, reader);
	}
	else {
		TelemetryReader before = *reader;
		bytes = telemetryDataPacket(reader, ring, to, mostBytes);
		keepLiveGiven(kept, &before, reader, ring);
	}
	return bytes;
}

/* AT BOOT */

uint32_t telemetryKeptBytes(uint32_t capacitySlots)
{
	return (uint32_t)sizeof(TelemetryState) + (capacitySlots + MAX_RECORD_SLOTS - 1) * SLOT_BYTES;
}

/* The least position that an open reader has yet to read, including the packet that it gave last; the tail if there is none. */
static uint64_t leastPlace(const TelemetryPast* past)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t number = 0; number < TELEMETRY_KEPT_READERS; number++) {
		const TelemetryKeptReader* reader = &past->boot->readers[number];
		if (reader->isOpen && reader->places[reader->chosen].position < least)
			least = reader->places[reader->chosen].position;
	}
	return least == UINT64_MAX || least < past->ring.tail ? past->ring.tail : least;
}

static uint32_t eventsFrom(const TelemetryRing* ring, uint64_t position)
{
	uint32_t events = 0;
	while (position < ring->head) {
		uint32_t type = telemetryRingAt(ring, position)[1] & 0xff;
		events += type < FIRST_INTERNAL_RECORD_TYPE;
		position += telemetrySlotsOf(type);
	}
	return events;
}

static int takeNames(TelemetryState* state, TelemetryTokens* tokens)
{
	uint32_t end = state->names & 0xffff;
	uint32_t at = 0;
	uint32_t bound = tokens->bound;
	int isGood = end <= TELEMETRY_KEPT_NAME_BYTES && state->names == namesWord(state->nameBytes, end);
	tokens->bound = UINT16_MAX;
	while (isGood && at < end) {
		uint32_t bytes = state->nameBytes[at];
		uint32_t expected = tokens->count + 1;
		isGood = bytes > 0 && at + 1 + bytes <= end && !memchr(state->nameBytes + at + 1, 0, bytes)
			&& telemetryToken(tokens, state->nameBytes + at + 1, bytes) == (int32_t)expected;
		at += 1 + bytes;
	}
	tokens->bound = bound;
	return isGood;
}

static void dropNames(TelemetryTokens* tokens)
{
	uint32_t bound = tokens->bound;
	uint32_t seed = tokens->seed;
	telemetryTokensEnd(tokens);
	*tokens = (TelemetryTokens){ .bound = bound, .seed = seed };
}

/*
 * Reads all boots that the memory claims to have into `past`, which has room for all; believes nothing. `from`: where the next one begins.
 */
static uint32_t look(TelemetryState* state, uint32_t capacitySlots, uint32_t resetReason, int discards, TelemetryPast* past, uint32_t* count,
	TelemetryTokens* tokens, uint64_t* from)
{
	uint32_t boots = state->boots;
	uint32_t first = boots & 15;
	if (state->magic != MAGIC)
		return resetReason == RESET_POWER_ON || resetReason == RESET_BROWNOUT || resetReason == RESET_UNKNOWN ? RING_POWER_OFF
			: RING_OTHER_LAYOUT;
	if (state->sum != sumOf(&state->layout, &state->sum))
		return RING_DAMAGED;
	if (state->layout != LAYOUT || memcmp(state->fingerprint, fingerprint, sizeof(fingerprint)) != 0 || state->capacitySlots != capacitySlots)
		return RING_OTHER_LAYOUT;
	*count = boots >> 4 & 15;
	if (first >= TELEMETRY_KEPT_BOOTS || *count > TELEMETRY_KEPT_BOOTS || boots != bootsWord(first, *count) || !takeNames(state, tokens))
		return RING_DAMAGED;
	for (uint32_t index = 0; index < *count; index++) {
		TelemetryKeptBoot* boot = &state->boot[(first + index) & BOOT_MASK];
		past[index].boot = boot;
		memset(&past[index].ring, 0, sizeof(TelemetryRing));
		if (boot->sum != SUM(boot) || (boot->frozen.sum && boot->frozen.sum != frozenSum(&boot->frozen)) || (index > 0 && boot->from != *from)
			|| !telemetryKeptCheck(&past[index].ring, boot, state->words, capacitySlots, tokens->count))
			return RING_DAMAGED;
		past[index].ring.discards = (uint32_t)discards;
		*from = past[index].ring.head;
	}
	for (uint32_t index = 0, holds = 0; index < *count; index++) {
		const TelemetryRing* ring = &past[index].ring;
		/* The oldest goes first: a boot keeps all its records as long as an earlier one has any. */
		if ((ring->tail != ring->head && *from - ring->tail > capacitySlots) || (holds && ring->tail != past[index].boot->from))
			return RING_DAMAGED;
		holds |= ring->tail != ring->head;
	}
	return RING_KEPT;
}

/* How many more events are recorded after those of this boot; UINT64_MAX: it was not frozen. */
static uint64_t frozenLeft(const TelemetryPast* past)
{
	const TelemetryFrozen* frozen = &past->boot->frozen;
	if (!frozen->sum)
		return UINT64_MAX;
	return frozen->from > past->ring.eventSeq ? frozen->from - past->ring.eventSeq : 0;
}

static void startBoot(TelemetryKeptBoot* boot, uint64_t bootId, uint64_t from, uint64_t frozenFrom, uint64_t uptimeMs)
{
	memset(boot, 0, sizeof(*boot));
	boot->bootId = bootId;
	boot->from = from;
	boot->sum = SUM(boot);
	boot->tail = boot->live.claimed = boot->live.committed = (uint32_t)from << 4;
	freeze(&boot->frozen, frozenFrom, 1);
	boot->marks[0] = (TelemetryMark){ .position = from, .newestMs = uptimeMs };
	boot->marks[0].sum = SUM(&boot->marks[0]);
	for (uint32_t number = 0; number < TELEMETRY_KEPT_READERS; number++) {
		TelemetryPlace* place = &boot->readers[number].places[0];
		place->position = from;
		place->sum = SUM(place);
	}
}

void telemetryKeptStart(TelemetryKept* kept, void* memory, uint32_t capacitySlots, TelemetryRing* ring, int discards, uint64_t uptimeMs,
	uint64_t bootId, uint32_t resetReason, TelemetryTokens* tokens)
{
	TelemetryState* state = memory;
	TelemetryPast past[TELEMETRY_KEPT_BOOTS];
	uint32_t count = 0;
	uint32_t gone = 0; /* boots of which nothing is left, or that are given up */
	uint64_t from = 0;
	uint32_t keptEvents = 0;
	uint32_t givenUpEvents = 0;
	uint64_t frozenFrom = UINT64_MAX;
	uint32_t fate = look(state, capacitySlots, resetReason, discards, past, &count, tokens, &from);
	if (fate != RING_KEPT) {
		dropNames(tokens);
		count = 0;
		from = 0;
		state->magic = 0;
		TELEMETRY_IN_ORDER;
		state->layout = LAYOUT;
		memcpy(state->fingerprint, fingerprint, sizeof(fingerprint));
		state->capacitySlots = capacitySlots;
		state->boots = bootsWord(0, 0);
		state->names = namesWord(state->nameBytes, 0);
		state->sum = sumOf(&state->layout, &state->sum);
		TELEMETRY_IN_ORDER;
		state->magic = MAGIC;
	}
	while (gone < count && leastPlace(&past[gone]) >= past[gone].ring.head + (past[gone].ring.lostPending > 0))
		gone++;
	if (gone < count)
		frozenFrom = frozenLeft(&past[count - 1]);
	if (count - gone == TELEMETRY_KEPT_BOOTS) {
		/* In a crash loop with a frozen ring, the incident that it was frozen for stays. */
		int isNewest = frozenFrom != UINT64_MAX && past[count - 1].boot->frozen.isCarried;
		const TelemetryPast* givenUp = &past[isNewest ? count - 1 : gone];
		givenUpEvents = eventsFrom(&givenUp->ring, leastPlace(givenUp));
		if (isNewest) {
			from = givenUp->boot->from;
			count--;
		}
		else
			gone++;
	}
	kept->state = state;
	kept->tokens = tokens;
	ring->kept = kept;
	for (uint32_t index = gone; index < count; index++) {
		kept->past[kept->pastCount++] = past[index];
		mark(past[index].boot, &past[index].ring); /* at its end, because its tail may arrive there */
		keptEvents += eventsFrom(&past[index].ring, leastPlace(&past[index]));
	}
	/* First nobody reads the lost boot any more, then the next boot takes its place. */
	state->boots = bootsWord((state->boots & 15) + gone, count - gone);
	TELEMETRY_IN_ORDER;
	if (kept->pastCount == 0) {
		dropNames(tokens);
		state->names = namesWord(state->nameBytes, 0);
	}
	kept->boot = &state->boot[((state->boots & 15) + kept->pastCount) & BOOT_MASK];
	startBoot(kept->boot, bootId, from, frozenFrom, uptimeMs);
	TELEMETRY_IN_ORDER;
	state->boots = bootsWord(state->boots & 15, kept->pastCount + 1);
	TELEMETRY_IN_ORDER;

	telemetryRingStart(ring, state->words, capacitySlots, discards, 0, uptimeMs);
	ring->kept = kept;
	ring->live = &kept->boot->live;
	ring->frozenFrom = frozenFrom;
	kept->isCarried = frozenFrom != UINT64_MAX;
	ring->head = ring->tail = ring->plainFrom = ring->sameHighFrom = ring->markAt = from;
	if (discards)
		ring->protectedFrom = from;
	ring->at = ring->end = ring->counted = state->words + (uint32_t)(from % capacitySlots) * SLOT_WORDS;
	ring->turn = ((uint32_t)from << 4) - (uint32_t)(uintptr_t)ring->at;
	for (uint32_t index = 0; index < kept->pastCount; index++)
		ring->borrowed += (uint32_t)(kept->past[index].ring.head - kept->past[index].ring.tail);
	telemetryRingBoot(ring, RECORD_BOOT | resetReason << BOOT_RESET_SHIFT | fate << BOOT_RING_SHIFT, (uint64_t)givenUpEvents << 32 | keptEvents);
}

#endif
