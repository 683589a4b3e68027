/*
 * A ring in memory that a reset leaves alone, with the rings of earlier boots before its tail. Includes nothing of XS.
 *
 * Positions continue from boot to boot; a record is at its position modulo the capacity. For each boot the memory holds where its records
 * begin and end, what was counted at one of them (a mark), what its readers have read, and the names of tokens. Each store of one word
 * leaves the memory consistent: a change of several words is written beside the valid version, and then selected by a store of one word.
 * docs/decisions/0023-retained-state.md
 */
#ifndef telemetryRetained_h
#define telemetryRetained_h

#include "../native/telemetryReader.h"
#include "../native/telemetryRing.h"
#include "../native/telemetryTokens.h"

#ifdef MODDEF_TELEMETRY_RETAINED

#define TELEMETRY_KEPT_BOOTS 4 /* including the current one */
#define TELEMETRY_KEPT_READERS 2 /* of each boot, the first ones */
#define TELEMETRY_KEPT_NAME_BYTES 1024 /* of message types, and one for each */

typedef struct {
	uint64_t position;
	uint64_t eventSeq; /* of the first event from there on */
	uint64_t refused; /* events that records before it report as lost */
	uint64_t discarded; /* events refused by then */
	uint64_t newestMs; /* time of the record before it, or of the start */
	uint32_t sum;
	uint32_t unused;
} TelemetryMark;

/* Where a reader was before the last packet that it gave, and which packet that was: given again it is the same to the byte. */
typedef struct {
	uint64_t position;
	uint64_t eventSeq;
	uint64_t overwritten;
	uint64_t refusedSeen;
	uint64_t dataPackets;
	uint64_t tokenPackets;
	uint64_t givenLost; /* of the packet */
	uint32_t givenSlots; /* 0: none, or it was taken */
	uint32_t givenEvents;
	uint32_t givenPending;
	uint32_t sum;
} TelemetryPlace;

typedef struct {
	volatile uint32_t chosen; /* 0 or 1 */
	volatile uint32_t isOpen;
	TelemetryPlace places[2];
} TelemetryKeptReader;

/* That the ring is frozen. */
typedef struct {
	uint64_t from; /* events with this number or a greater one are refused */
	uint32_t isCarried; /* an earlier boot has frozen it */
	uint32_t sum; /* 0: it is not frozen */
} TelemetryFrozen;

typedef struct {
	uint64_t bootId;
	uint64_t from; /* position of its first record */
	uint32_t sum; /* of these two */
	volatile uint32_t tail; /* 16 times the position, its low 32 bits */
	volatile uint32_t discarded; /* low 32 bits */
	volatile uint32_t chosen; /* of the marks: 0 or 1 */
	TelemetryLive live;
	TelemetryFrozen frozen;
	TelemetryMark marks[2];
	TelemetryKeptReader readers[TELEMETRY_KEPT_READERS];
} TelemetryKeptBoot;

/* The beginning of the memory; the slots of the ring follow. */
typedef struct {
	uint32_t magic;
	uint32_t layout;
	uint32_t fingerprint[4];
	uint32_t capacitySlots;
	uint32_t sum; /* of these */
	volatile uint32_t boots; /* oldest, newest, how many; see wordOf() */
	volatile uint32_t names; /* bytes in use, and their checksum */
	TelemetryKeptBoot boot[TELEMETRY_KEPT_BOOTS];
	uint8_t nameBytes[TELEMETRY_KEPT_NAME_BYTES];
	uint32_t words[];
} TelemetryState;

/* One of the earlier boots, read in place. */
typedef struct {
	TelemetryRing ring; /* first */
	TelemetryKeptBoot* boot;
} TelemetryPast;

struct TelemetryKept {
	TelemetryState* state;
	TelemetryKeptBoot* boot; /* the current one */
	TelemetryPast past[TELEMETRY_KEPT_BOOTS - 1]; /* the oldest first */
	uint32_t pastFrom; /* those before it are done */
	uint32_t pastCount;
	uint32_t isCarried; /* an earlier boot has frozen the ring: until all of them are read */
	TelemetryTokens* tokens;
};

/** A reader of earlier boots; all zero at first. */
typedef struct {
	TelemetryReader reader;
	uint32_t at; /* index into `past`; pastCount: done with them */
	uint8_t isPlaced; /* the reader's place in that boot has been looked up */
	uint8_t isAgain; /* its next packet is one that it has given before */
} TelemetryPastReader;

/** Bytes of memory for a ring of this many slots. */
uint32_t telemetryKeptBytes(uint32_t capacitySlots);

/**
 * Examines the memory, of at least that many bytes and aligned to 8, keeps what is valid of it, and starts a ring there for a new boot.
 * `resetReason`: as ESP-IDF numbers it. `tokens`: as they begin; gets the names that are kept. Writes the boot's record. `kept` and `ring`
 * must be zero.
 */
void telemetryKeptStart(TelemetryKept* kept, void* memory, uint32_t capacitySlots, TelemetryRing* ring, int discards, uint64_t uptimeMs,
	uint64_t bootId, uint32_t resetReason, TelemetryTokens* tokens);

/** As telemetryToken(); a new name without room in the memory counts as none. */
int32_t telemetryKeptToken(TelemetryKept* kept, const uint8_t* name, uint32_t bytes);

/** A reader of the current boot was made or closed. */
void telemetryKeepMade(TelemetryKept* kept, const TelemetryReader* reader, int isOpen);

/**
 * Writes the next packet for a reader into `to`: from earlier boots as long as there are any. At most `mostBytes`, 256 to 65,536. Returns
 * its bytes, 0 if nothing waits. The ring must have been ticked. `othersAt`: the least `at` of the other open readers.
 */
uint32_t telemetryKeptFill(TelemetryKept* kept, TelemetryRing* ring, TelemetryReader* reader, TelemetryPastReader* past, uint32_t othersAt,
	uint8_t* to, uint32_t mostBytes);

/* In telemetryRing.c. */
void telemetryKeepMark(TelemetryRing* ring);
/* The ring was frozen, or thawed. */
void telemetryKeepFrozen(TelemetryRing* ring);
/* Gives up the oldest record of the earlier boots; returns its slots. If none may go, it returns 0 and sets *hasRoom to 0. */
uint32_t telemetryKeptEvict(TelemetryRing* ring, int* hasRoom);

#endif

#endif
