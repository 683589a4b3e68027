/* Readers of a ring, and the packets they make: the C form of src/ring/reader.ts. Includes nothing of XS. */
#ifndef telemetryReader_h
#define telemetryReader_h

#include "telemetryRing.h"
#include "telemetryTokens.h"

typedef struct TelemetryReader TelemetryReader;
struct TelemetryReader {
	TelemetryReader* next; /* made after this one, for the same ring */
	uint64_t position;
	uint64_t eventSeq;
	uint64_t drained;
	uint64_t overwritten;
	uint64_t refusedSeen; /* refused events reported by records that this reader has passed */
	uint64_t lastTimeMs; /* of the last record read */
	uint64_t bootId;
	uint64_t dataPackets;
	uint64_t tokenPackets;
	uint64_t repeatedAt; /* data packets plus one at the time when repeating the tokens was requested; 0 if it never was */
	uint32_t tokensSent;
	uint32_t number;
	uint8_t follows; /* the next record follows the last one read */
};

/** A reader that is all zero begins at the oldest record in the ring, which must be settled. */
void telemetryReaderStart(TelemetryReader* reader, TelemetryRing* ring, uint64_t bootId, uint32_t number);

/** Moves to the oldest record if the record that this reader would have read next was overwritten. The ring must be settled. */
void telemetryReaderCatchUp(TelemetryReader* reader, TelemetryRing* ring);

/** Writes a packet of records into `to`: at most `mostBytes`, 256 or more. At least one record must be waiting. Returns its bytes. */
uint32_t telemetryDataPacket(TelemetryReader* reader, TelemetryRing* ring, uint8_t* to, uint32_t mostBytes);

/** Writes a packet of tokens: all names that fit, from the first one not sent yet. Some must be waiting. Returns its bytes. */
uint32_t telemetryNamesPacket(TelemetryReader* reader, const TelemetryRing* ring, const TelemetryTokens* tokens, uint8_t* to, uint32_t mostBytes);

#endif
