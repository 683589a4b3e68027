/* The type that a message states: the C form of src/adapters/message-type.ts, which has the rule. Includes nothing of XS. */
#ifndef telemetryMessageType_h
#define telemetryMessageType_h

#include <stdint.h>

/* Most bytes of a name with its escapes resolved: 64 bytes of UTF-8 are never more in a string of XS. A longer one counts as this long. */
#define MESSAGE_TYPE_NAME_BYTES 97
/* Instead of a size: the message is a string of XS, which ends at its first zero byte. */
#define MESSAGE_IS_TEXT UINT32_MAX

typedef struct {
	const uint8_t* name; /* in the message, or in `resolved` */
	uint8_t resolved[MESSAGE_TYPE_NAME_BYTES + 3]; /* the last character may begin within */
} TelemetryMessageType;

/**
 * Looks for the type in a message of this many bytes. Returns the bytes of its name, 0 if there is none, -1 if the search was given up.
 * Reads nothing beyond the message, nor beyond a zero in it. The work is bounded, whatever the message contains.
 */
int32_t telemetryMessageType(const uint8_t* message, uint32_t size, TelemetryMessageType* found);

#endif
