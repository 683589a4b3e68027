/*
 * A device without XS, whose ring outlives resets, and whoever receives its packets and knows what must arrive. The device is the shipped C; what it emits follows
 * from boot id and event number alone, so that each record that arrives can be checked by itself.
 */
#ifndef device_h
#define device_h

#include <stdint.h>
#include <string.h>

#include "native/telemetryLayout.h"
#include "retained/telemetryRetained.h"
#include "native/telemetryText.h"

#define MOST_SLOTS 64
#define STATE_BYTES (sizeof(TelemetryState) + (MOST_SLOTS + MAX_RECORD_SLOTS) * SLOT_BYTES)
#define BOOTS 16 /* remembered outside */

/* Of a boot: what was committed for certain, and what has arrived. */
typedef struct {
	uint64_t bootId;
	uint32_t committed; /* events, refused ones too */
	uint32_t evicted;
	uint32_t refused; /* a record that tells of them may be evicted at once */
	uint32_t packets;
	uint32_t nextSeq;
	uint32_t lost; /* on the device, as told */
	uint32_t arrived;
	uint32_t hash; /* of the last data packet */
	uint32_t tokenPackets;
	uint32_t names; /* told */
	uint64_t endMs;
	uint64_t frozenFrom;
	uint32_t isChanging; /* whether it is frozen: as before, or as will be */
} BootWorld;

/* No reset touches this. */
typedef struct {
	uint64_t nextBootId;
	BootWorld boots[BOOTS];
	uint32_t arrived; /* events in all */
	uint32_t again; /* packets that came again */
	uint32_t frozen; /* boots that began in a frozen ring */
	uint32_t missing; /* packets that were given, and overwritten before they could come again */
} World;

/* Everything that a reset does away with. */
typedef struct {
	TelemetryKept kept;
	TelemetryRing ring;
	TelemetryTokens tokens;
	TelemetryReader reader;
	TelemetryPastReader past;
	uint64_t bootId;
	int32_t clockMs;
	uint8_t packet[2048];
} Device;

/** Says what is wrong, and ends. */
void failed(const char* what, uint32_t value, uint32_t expected) __attribute__((noreturn));
/** Around what is not the device's: no reset comes there. */
void outside(void);
void inside(void);

extern World world;
extern Device device;
extern uint64_t retainedMemory[STATE_BYTES / 8];

void deviceBoot(uint32_t capacitySlots, int discards);
void deviceOperate(uint32_t* seed);
/** Reads all that waits, and checks that everything has arrived that was committed. */
void deviceDrainAll(void);
/** Of the next packet; 0: nothing waits. */
uint32_t deviceFill(uint32_t mostBytes);
uint32_t mixed(uint32_t value);

#endif
