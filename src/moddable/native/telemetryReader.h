/* Readers of a ring, and the packets they make: the C form of src/ring/reader.ts. Includes nothing of XS. */
#ifndef telemetryReader_h
#define telemetryReader_h

#include "telemetryRing.h"
#include "telemetryTokens.h"

typedef struct TelemetryReader TelemetryReader;
struct TelemetryReader {
	TelemetryReader* next; /* made after this one, of the same ring */
	uint64_t position;
	uint64_t eventSeq;
	uint64_t drained;
	uint64_t overwritten;
	uint64_t refusedSeen; /* refused events told by records that this reader has passed */
	uint64_t lastTimeMs; /* of the last record read */
	uint64_t bootId;
	uint64_t dataPackets;
	uint64_t tokenPackets;
	uint64_t repeatedAt; /* data packets and one when tokens were begun again on demand; 0 if they never were */
	uint32_t tokensSent;
	uint32_t number;
	uint8_t follows; /* the next record follows the last one read */
};

/** A reader, all of it zero, begins at the oldest record in the ring, which must be settled. */
void telemetryReaderStart(TelemetryReader* reader, TelemetryRing* ring, uint64_t bootId, uint32_t number);

/** Goes to the oldest record if what this reader would have read next was overwritten. The ring must be settled. */
void telemetryReaderCatchUp(TelemetryReader* reader, TelemetryRing* ring);

/** Writes a packet of records, of which one at least waits, into `to`: at most `mostBytes`, 256 or more. Returns its bytes. */
uint32_t telemetryDataPacket(TelemetryReader* reader, TelemetryRing* ring, uint8_t* to, uint32_t mostBytes);

/** Writes a packet of tokens, of which some wait: all names that fit, from the first one not yet sent. Returns its bytes. */
uint32_t telemetryNamesPacket(TelemetryReader* reader, const TelemetryRing* ring, const TelemetryTokens* tokens, uint8_t* to, uint32_t mostBytes);

#endif
