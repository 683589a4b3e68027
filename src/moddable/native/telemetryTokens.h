/* The table of message types: the C form of src/ring/tokens.ts. Includes nothing of XS, but for its memory. */
#ifndef telemetryTokens_h
#define telemetryTokens_h

#include <stdint.h>

/* A name of more has more than 64 bytes as UTF-8, too: half a surrogate pair is kept as three. */
#define TELEMETRY_NAME_BYTES 96

typedef struct TelemetryName TelemetryName;
struct TelemetryName {
	TelemetryName* sameHash; /* before this one */
	TelemetryName* next; /* of the following token */
	uint16_t token;
	uint8_t bytes;
	uint8_t text[]; /* they, and a zero */
};

/** Begins as zeros, but for `bound` and `seed`. */
typedef struct {
	TelemetryName** byHash; /* NULL until there is a name */
	TelemetryName* first;
	TelemetryName* last;
	uint32_t count;
	uint32_t bound; /* most names */
	uint32_t seed; /* of the hash: who does not know it makes no names that meet */
} TelemetryTokens;

/** Frees all names. */
void telemetryTokensEnd(TelemetryTokens* tokens);

/**
 * Token of a name, bytes of a string of XS; 0 of none at all. -1 if it is new and there are as many as may be, or it has more than 64 bytes
 * of UTF-8, or there is no memory.
 */
int32_t telemetryToken(TelemetryTokens* tokens, const uint8_t* name, uint32_t bytes);

/** The name of a token in use, as a string of XS. */
const uint8_t* telemetryNameOf(const TelemetryTokens* tokens, uint32_t token);

#endif
