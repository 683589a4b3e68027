/* The table of message types: the C form of src/ring/tokens.ts. Includes nothing of XS except its memory functions. */
#ifndef telemetryTokens_h
#define telemetryTokens_h

#include <stdint.h>

/* A longer name has more than 64 bytes as UTF-8, too: half a surrogate pair is kept as three bytes. */
#define TELEMETRY_NAME_BYTES 96

typedef struct TelemetryName TelemetryName;
struct TelemetryName {
	TelemetryName* sameHash; /* before this one */
	TelemetryName* next; /* of the following token */
	uint16_t token;
	uint8_t bytes;
	uint8_t text[]; /* the bytes, and a zero */
};

/** All zero at first, except `bound` and `seed`. */
typedef struct {
	TelemetryName** byHash; /* NULL until there is a name */
	TelemetryName* first;
	TelemetryName* last;
	uint32_t count;
	uint32_t bound; /* most names */
	uint32_t seed; /* of the hash: without it nobody can make names that collide */
} TelemetryTokens;

/** Frees all names. */
void telemetryTokensEnd(TelemetryTokens* tokens);

/**
 * Returns the token of a name, the bytes of a string of XS; 0 for an empty one. Returns -1 if it is new and the table is full, or if it has
 * more than 64 bytes of UTF-8, or if memory has run out.
 */
int32_t telemetryToken(TelemetryTokens* tokens, const uint8_t* name, uint32_t bytes);

/** The name of a token in use, as a string of XS. */
const uint8_t* telemetryNameOf(const TelemetryTokens* tokens, uint32_t token);

#endif
