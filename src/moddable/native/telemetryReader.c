#include <string.h>

#include "telemetryReader.h"
#include "telemetryLayout.h"
#include "telemetryText.h"

static const uint32_t fingerprint[] = FINGERPRINT_WORDS;

void telemetryReaderStart(TelemetryReader* reader, TelemetryRing* ring, uint64_t bootId, uint32_t number)
{
	reader->position = ring->tail;
	reader->eventSeq = ring->evictedEvents + ring->evictedRefused;
	reader->refusedSeen = ring->evictedRefused;
	reader->overwritten = ring->evictedEvents;
	reader->bootId = bootId;
	reader->number = number;
}

void telemetryReaderCatchUp(TelemetryReader* reader, TelemetryRing* ring)
{
	if (reader->position >= ring->tail)
		return;
	/* Refused events count as discarded even if the record that reports them was overwritten. */
	reader->overwritten += ring->evictedEvents - (reader->eventSeq - reader->refusedSeen);
	reader->refusedSeen = ring->evictedRefused;
	reader->eventSeq = ring->evictedEvents + reader->refusedSeen;
	reader->position = ring->tail;
	reader->follows = 0;
}

/* Written to an aligned header, then copied: the buffer may be at any address. */
static void stamp(const TelemetryReader* reader, const TelemetryRing* ring, uint8_t* to, uint32_t stream, uint64_t number,
	uint32_t contentBytes, uint32_t packetBytes, uint64_t beginMs, uint64_t endMs)
{
	uint32_t header[PACKET_HEADER_BYTES / 4];
	int isData = stream == STREAM_DATA;
	header[AT_MAGIC / 4] = PACKET_MAGIC;
	memcpy(header + AT_UUID / 4, fingerprint, sizeof(fingerprint));
	header[AT_STREAM_ID / 4] = stream;
	writeU64(header + AT_TIMESTAMP_BEGIN / 4, beginMs);
	writeU64(header + AT_TIMESTAMP_END / 4, endMs);
	header[AT_CONTENT_SIZE / 4] = contentBytes * 8;
	header[AT_PACKET_SIZE / 4] = packetBytes * 8;
	writeU64(header + AT_EVENTS_DISCARDED / 4, isData ? reader->overwritten + reader->refusedSeen : 0);
	writeU64(header + AT_PACKET_SEQ_NUM / 4, number);
	writeU64(header + AT_BOOT_ID / 4, reader->bootId);
	writeU64(header + AT_FIRST_EVENT_SEQ / 4, isData ? reader->eventSeq : 0);
	header[AT_READER / 4] = reader->number;
	header[AT_WIRE_FORMAT / 4] = WIRE_FORMAT;
	header[AT_RING_PENDING_SLOTS / 4] = isData ? (uint32_t)(ring->head - reader->position) : 0;
	header[AT_RING_CAPACITY_SLOTS / 4] = ring->capacitySlots;
	memcpy(to, header, PACKET_HEADER_BYTES);
}

uint32_t telemetryDataPacket(TelemetryReader* reader, TelemetryRing* ring, uint8_t* to, uint32_t mostBytes)
{
	const uint32_t* first = telemetryRingAt(ring, reader->position);
	const uint32_t* record = first;
	const uint32_t* last = first;
	int sameHigh = reader->position >= ring->sameHighFrom;
	uint64_t beginMs = sameHigh || !reader->follows ? telemetryRingTimeAt(ring, reader->position)
		: reader->lastTimeMs + telemetryElapsedMs((uint32_t)reader->lastTimeMs, first);
	/* Takes the records up to the head, or to the physical end of the ring (one copy per packet), as many as fit. */
	uint32_t mostSlots = (mostBytes - PACKET_HEADER_BYTES) / SLOT_BYTES;
	uint64_t waiting = ring->head - reader->position;
	const uint32_t* end = first + (waiting < mostSlots ? (uint32_t)waiting : mostSlots) * SLOT_WORDS;
	uint32_t events = 0;
	uint64_t lost = 0;
	uint32_t bytes;
	while (record < end && record < ring->wordsEnd) {
		uint32_t type = record[1] & 0xff;
		const uint32_t* next = record + telemetrySlotsOf(type) * SLOT_WORDS;
		if (next > end)
			break;
		if (type == RECORD_TIME_JUMP) {
			if (record > first)
				break;
		}
		else {
			if (!sameHigh && record[0] < last[0])
				break;
			if (type < FIRST_INTERNAL_RECORD_TYPE)
				events++;
			else if (type == RECORD_LOST)
				lost += readU64(record + 2);
		}
		last = record;
		record = next;
	}
	bytes = (uint32_t)(record - first) * 4;
	reader->lastTimeMs = beginMs + (uint32_t)(last[0] - first[0]);
	reader->follows = 1;
	reader->position += bytes / SLOT_BYTES;
	reader->drained += events;
	reader->refusedSeen += lost;
	reader->dataPackets++;
	if (reader->dataPackets % TOKEN_REPEAT_PACKETS == 0)
		reader->tokensSent = 0;
	stamp(reader, ring, to, STREAM_DATA, reader->dataPackets, PACKET_HEADER_BYTES + bytes, PACKET_HEADER_BYTES + bytes,
		beginMs, reader->lastTimeMs);
	memcpy(to + PACKET_HEADER_BYTES, first, bytes);
	reader->eventSeq += events + lost;
	return PACKET_HEADER_BYTES + bytes;
}

/* Writes the header of a packet of tokens whose entries are in place; returns the bytes of the packet. */
static uint32_t tokenPacket(TelemetryReader* reader, const TelemetryRing* ring, uint8_t* to, uint32_t contentBytes)
{
	uint32_t packetBytes = (contentBytes + SLOT_BYTES - 1) & ~(uint32_t)(SLOT_BYTES - 1);
	uint64_t nowMs = (uint64_t)ring->highMs << 32 | (uint32_t)ring->lowMs;
	memset(to + contentBytes, 0, packetBytes - contentBytes);
	reader->tokenPackets++;
	stamp(reader, ring, to, STREAM_TOKENS, reader->tokenPackets, contentBytes, packetBytes, nowMs, nowMs);
	return packetBytes;
}

uint32_t telemetryNamesPacket(TelemetryReader* reader, const TelemetryRing* ring, const TelemetryTokens* tokens, uint8_t* to, uint32_t size)
{
	uint32_t end = PACKET_HEADER_BYTES;
	while (reader->tokensSent < tokens->count) {
		uint8_t name[MAX_TOKEN_BYTES + 4]; /* as much room as where the length of the name was asked for */
		uint32_t token = reader->tokensSent + 1;
		uint32_t length = telemetryText(telemetryNameOf(tokens, token), NULL, name, sizeof(name));
		if (((end + TOKEN_ENTRY_HEADER_BYTES + length + 15) & ~15u) > size)
			break;
		to[end] = (uint8_t)token;
		to[end + 1] = (uint8_t)(token >> 8);
		to[end + 2] = (uint8_t)length;
		to[end + 3] = 0;
		memcpy(to + end + TOKEN_ENTRY_HEADER_BYTES, name, length);
		end += TOKEN_ENTRY_HEADER_BYTES + length;
		reader->tokensSent = token;
	}
	return tokenPacket(reader, ring, to, end);
}
