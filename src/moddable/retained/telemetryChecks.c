#include "telemetryChecks.h"

#ifdef MODDEF_TELEMETRY_RETAINED

#include "../native/telemetryText.h"

#define MOST (((uint64_t)1 << 53) - 1)

static uint32_t sumOf(const void* from, const uint32_t* end)
{
	uint32_t sum = 2166136261u;
	for (const uint32_t* word = from; word < end; word++)
		sum = (sum ^ *word) * 16777619;
	return sum;
}

/* RECORDS */

static int isIn(uint32_t type, const uint8_t* types, uint32_t count)
{
	while (count > 0 && types[count - 1] != type)
		count--;
	return count > 0;
}

#define IS_IN(TYPE, TYPES) isIn(TYPE, TYPES, sizeof(TYPES))

static int textIsGood(const uint8_t* text, uint32_t room, uint32_t mostBytes)
{
	uint32_t draft[MAX_RECORD_SLOTS * SLOT_WORDS];
	uint32_t bytes = 0;
	while (bytes < room && text[bytes])
		bytes++;
	for (uint32_t at = bytes; at < room; at++) {
		if (text[at])
			return 0;
	}
	if (bytes > mostBytes || telemetryText(text, text + bytes, (uint8_t*)draft, mostBytes) != bytes)
		return 0;
	for (uint32_t at = 0; at < bytes; at++) {
		if (((uint8_t*)draft)[at] != text[at])
			return 0;
	}
	return 1;
}

static int recordIsGood(const uint32_t* record, uint32_t tokens, int isFirst)
{
	static const uint8_t connects[] = WS_CONNECT_IP_BY_SLOTS;
	static const uint8_t receives[] = MSG_RECV_PAYLOAD_SUMMARY_BY_SLOTS;
	static const uint8_t sends[] = MSG_SEND_PAYLOAD_SUMMARY_BY_SLOTS;
	uint32_t type = record[1] & 0xff;
	uint32_t fields = record[1] >> 8;
	uint32_t room = (telemetrySlotsOf(type) - 1) * SLOT_BYTES;
	uint64_t value = readU64(record + 2);
	uint32_t mostBytes = PAYLOAD_SUMMARY_MAX_BYTES;
	if (type == RECORD_BOOT) {
		uint32_t ring = record[1] >> BOOT_RING_SHIFT;
		return isFirst && ring <= RING_NO_MEMORY && (ring == RING_KEPT || value == 0);
	}
	if (type == RECORD_LOST || type == RECORD_SUPPRESSED)
		return fields == 0 && value >= 1 && value <= MOST;
	if (type == RECORD_TIME_JUMP)
		return fields == 0 && value >= TIME_JUMP_MS && value <= MOST;
	if (type == RECORD_MSG_RECV || IS_IN(type, receives)) {
		uint32_t result = record[1] >> RESULT_SHIFT & 0xf;
		uint32_t reason = record[1] >> REASON_SHIFT & 0xf;
		if (result > RESULT_LAST || reason > REASON_LAST || (result == RESULT_OK) != (reason == REASON_NONE)
			|| record[1] >> MSG_TYPE_SHIFT > tokens)
			return 0;
	}
	else if (type == RECORD_MSG_SEND || IS_IN(type, sends)) {
		if (record[1] >> MSG_TYPE_SHIFT > tokens || (fields & 0xff) != 0)
			return 0;
	}
	else if (type == RECORD_WS_DISCONNECT_CLOSE_CODE)
		return (fields & 0xff) == 0;
	else if (fields != 0)
		return 0;
	else if (type == RECORD_WS_CONNECT || IS_IN(type, connects))
		mostBytes = IP_MAX_BYTES;
	else
		return type == RECORD_WS_CONNECTED || type == RECORD_WS_DISCONNECT;
	return room == 0 || textIsGood((const uint8_t*)(record + SLOT_WORDS), room, mostBytes);
}

/* POSITIONS */

/* Counts the events, and those that records report as lost, from one position to another; returns 0 if no record begins at one of them. */
static int countBetween(const TelemetryRing* ring, uint64_t from, uint64_t to, uint64_t* events, uint64_t* lost)
{
	*events = *lost = 0;
	while (from < to) {
		const uint32_t* record = telemetryRingAt(ring, from);
		uint32_t type = record[1] & 0xff;
		if (type < FIRST_INTERNAL_RECORD_TYPE)
			++*events;
		else if (type == RECORD_LOST)
			*lost += readU64(record + 2);
		from += telemetrySlotsOf(type);
	}
	return from == to;
}

/* Whether a reader may have been there, in a ring with valid records. */
static int placeIsGood(const TelemetryRing* ring, const TelemetryPlace* place, uint64_t first)
{
	uint64_t end = place->position + place->givenSlots;
	uint64_t last = ring->head + (ring->lostPending > 0);
	uint64_t oldest = ring->evictedEvents + ring->evictedRefused;
	uint64_t after = place->eventSeq + place->givenEvents + place->givenLost;
	uint64_t events, lost;
	if (place->position < first || place->position > last || end > last || place->eventSeq > ring->eventSeq
		|| place->overwritten > ring->eventSeq || place->refusedSeen > ring->discarded || place->dataPackets > MOST || place->tokenPackets > MOST
		|| place->givenEvents > place->givenSlots || place->givenLost > ring->discarded
		|| place->givenSlots > (MAX_PACKET_BYTES - PACKET_HEADER_BYTES) / SLOT_BYTES)
		return 0;
	/* What it has read and what it has yet to read add up to everything there was. */
	if (place->overwritten + place->refusedSeen > place->eventSeq)
		return 0;
	if (place->eventSeq - place->overwritten - place->refusedSeen > place->dataPackets * ((MAX_PACKET_BYTES - PACKET_HEADER_BYTES) / SLOT_BYTES))
		return 0;
	/* Each packet held an event, a loss, a jump of time, or the boot's record. */
	if (place->dataPackets > place->eventSeq - place->overwritten + 1 + ((uint64_t)ring->recordHighMs << 1 | (uint32_t)ring->recordLowMs >> 31))
		return 0;
	if (end < ring->tail)
		return after <= oldest;
	if (place->position >= ring->tail && place->position <= ring->head) {
		if (!countBetween(ring, ring->tail, place->position, &events, &lost)
			|| place->eventSeq != oldest + events + lost)
			return 0;
		if (end <= ring->head
			&& (!countBetween(ring, place->position, end, &events, &lost) || events != place->givenEvents || lost != place->givenLost))
			return 0;
		if (end > ring->head && (place->position != ring->head || place->givenEvents != 0 || place->givenLost != ring->lostPending))
			return 0;
		return 1;
	}
	if (place->position > ring->head)
		return place->eventSeq == ring->eventSeq && place->givenSlots == 0;
	return end <= ring->head && countBetween(ring, ring->tail, end, &events, &lost) && after == oldest + events + lost;
}

int telemetryKeptCheck(TelemetryRing* ring, const TelemetryKeptBoot* boot, uint32_t* words, uint32_t capacitySlots, uint32_t tokens)
{
	const TelemetryMark* mark = &boot->marks[boot->chosen & 1];
	uint32_t base = (uint32_t)mark->position << 4;
	uint32_t back = base - boot->tail;
	uint32_t ahead = boot->live.committed - base;
	uint32_t open = boot->live.claimed - boot->live.committed;
	uint64_t tail, head, claimed, position, newestMs;
	uint64_t beforeMs = 0; /* from the record at the tail to the last before the mark */
	uint64_t events[2] = { 0, 0 }; /* before the mark, and from it on */
	uint64_t lost[2] = { 0, 0 };
	uint32_t lastLow = 0;
	uint32_t refused;
	if (boot->chosen > 1 || mark->sum != sumOf(mark, &mark->sum) || boot->bootId > MOST || ((back | ahead | open) & 15) != 0
		|| mark->position > MOST || mark->eventSeq > MOST || mark->refused > MOST || mark->discarded > MOST || mark->newestMs > MOST
		|| mark->discarded < mark->refused)
		return 0;
	back >>= 4;
	ahead >>= 4;
	open >>= 4;
	if (back > mark->position || back > capacitySlots || ahead > capacitySlots || open > MAX_RECORD_SLOTS)
		return 0;
	tail = mark->position - back;
	head = mark->position + ahead;
	claimed = head + open;
	if (claimed > capacitySlots && claimed - capacitySlots > tail)
		tail = claimed - capacitySlots;
	if (tail < boot->from || tail > mark->position || head - tail > capacitySlots)
		return 0;
	ring->words = words;
	ring->wordsEnd = words + capacitySlots * SLOT_WORDS;
	ring->capacitySlots = capacitySlots;
	ring->head = ring->plainFrom = ring->sameHighFrom = head;
	ring->tail = tail;
	ring->at = ring->end = ring->counted = words + (uint32_t)(head % capacitySlots) * SLOT_WORDS;
	ring->protectedFrom = UINT64_MAX;
	ring->live = &ring->none;

	newestMs = mark->newestMs;
	for (position = tail; position < head;) {
		const uint32_t* record = telemetryRingAt(ring, position);
		uint32_t type = record[1] & 0xff;
		uint64_t next = position + telemetrySlotsOf(type);
		int isBehind = position >= mark->position;
		if (position == mark->position) {
			if (position > tail && lastLow != (uint32_t)newestMs)
				return 0;
			lastLow = (uint32_t)newestMs;
		}
		if (next > head || (!isBehind && next > mark->position) || !recordIsGood(record, tokens, position == boot->from))
			return 0;
		if (position > tail || isBehind) {
			uint64_t elapsed = telemetryElapsedMs(lastLow, record);
			if (type == RECORD_TIME_JUMP ? (uint32_t)(lastLow + elapsed) != record[0] : elapsed >= TIME_JUMP_MS)
				return 0;
			*(isBehind ? &newestMs : &beforeMs) += elapsed;
			if (newestMs > MOST || beforeMs > MOST)
				return 0;
		}
		if (type < FIRST_INTERNAL_RECORD_TYPE)
			events[isBehind]++;
		else if (type == RECORD_LOST) {
			lost[isBehind] += readU64(record + 2);
			if (lost[isBehind] > MOST)
				return 0;
		}
		lastLow = record[0];
		position = next;
	}
	if (head == mark->position && head > tail && lastLow != (uint32_t)newestMs)
		return 0;
	if (beforeMs > mark->newestMs || events[0] + lost[0] > mark->eventSeq || lost[0] > mark->refused)
		return 0;
	ring->evictedRefused = mark->refused - lost[0];
	if (mark->eventSeq - events[0] - lost[0] < ring->evictedRefused)
		return 0;
	ring->evictedEvents = mark->eventSeq - events[0] - lost[0] - ring->evictedRefused;
	refused = boot->discarded - (uint32_t)mark->discarded;
	ring->discarded = mark->discarded + refused;
	if (refused > INT32_MAX || ring->discarded < mark->refused + lost[1])
		return 0;
	ring->lostPending = ring->discarded - mark->refused - lost[1];
	ring->eventSeq = mark->eventSeq + events[1] + lost[1] + ring->lostPending;
	ring->highMs = ring->recordHighMs = (uint32_t)(newestMs >> 32);
	ring->lowMs = ring->recordLowMs = (int32_t)(uint32_t)newestMs;
	if (ring->eventSeq > MOST || ring->discarded > MOST)
		return 0;
	for (uint32_t number = 0; number < TELEMETRY_KEPT_READERS; number++) {
		const TelemetryKeptReader* reader = &boot->readers[number];
		const TelemetryPlace* place = &reader->places[reader->chosen & 1];
		if (reader->chosen > 1 || reader->isOpen > 1 || place->sum != sumOf(place, &place->sum) || !placeIsGood(ring, place, boot->from))
			return 0;
	}
	return 1;
}

#endif
