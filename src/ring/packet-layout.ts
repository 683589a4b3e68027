/** Wire format 1: the layout of a packet, and the format's own record types. docs/format.md is normative. */

export const WIRE_FORMAT = 1;
export const SLOT_BYTES = 16;
/** Slots of the longest record that a registry may have. */
export const MAX_RECORD_SLOTS = 8;
export const TWO_TO_32 = 4_294_967_296;
/** Two neighbouring records are less than this apart, or have a _time_jump between them. */
export const TIME_JUMP_MS = 2_147_483_648;
/** Time and record type come before a record's fields. */
export const FIRST_FIELD_BIT = 40;

/** CTF 1.8 § 5.1: the first word of every packet, as a signed 32-bit integer. */
export const PACKET_MAGIC = 0xc1fc1fc1 | 0;
export const PACKET_HEADER_BYTES = 96;
export const MAX_PACKET_BYTES = 65_536;
/** Smallest buffer that a reader accepts: it holds any one record, and two token names. */
export const MIN_PACKET_BUFFER_BYTES = 256;

export const STREAM_DATA = 0;
export const STREAM_TOKENS = 1;

// Byte offsets in the packet header and context.
export const AT_MAGIC = 0;
export const AT_UUID = 4;
export const AT_STREAM_ID = 20;
export const AT_TIMESTAMP_BEGIN = 24;
export const AT_TIMESTAMP_END = 32;
export const AT_CONTENT_SIZE = 40;
export const AT_PACKET_SIZE = 44;
export const AT_EVENTS_DISCARDED = 48;
export const AT_PACKET_SEQ_NUM = 56;
export const AT_BOOT_ID = 64;
export const AT_FIRST_EVENT_SEQ = 72;
export const AT_READER = 80;
export const AT_WIRE_FORMAT = 84;
export const AT_RING_PENDING_SLOTS = 88;
export const AT_RING_CAPACITY_SLOTS = 92;

/** Record types from here on are the format's own, not the registry's. */
export const FIRST_INTERNAL_RECORD_TYPE = 240;
export const RECORD_LOST = 240;
export const RECORD_TIME_JUMP = 241;
export const RECORD_BOOT = 242;

// In a _boot record: bit positions in word 1 of the reset reason, and of what became of the previous boot's ring.
export const BOOT_RESET_SHIFT = 8;
export const BOOT_RING_SHIFT = 16;
/** Why the board was reset: the numbers of ESP-IDF, 0 where the platform does not say. */
export const RESET_UNKNOWN = 0;
export const RESET_POWER_ON = 1;
export const RESET_BROWNOUT = 9;
/** What became of the previous boot's ring. */
export const RING_KEPT = 0;
export const RING_POWER_OFF = 1;
export const RING_OTHER_LAYOUT = 2;
export const RING_DAMAGED = 3;
export const RING_NOT_ASKED = 4;
export const RING_NO_MEMORY = 5;
export const RECORD_SUPPRESSED = 243;
/**
 * What a message takes from the allowance of src/ring/limits.ts, which grows by messagesPerSecond every millisecond.
 */
export const MESSAGE_COST = 1000;

/** Most bytes of UTF-8 in the name of a token. */
export const MAX_TOKEN_BYTES = 64;
/** Token and length, before the name. */
export const TOKEN_ENTRY_HEADER_BYTES = 4;
/** A reader repeats all tokens after this many data packets. */
export const TOKEN_REPEAT_PACKETS = 64;

/**
 * The emitters count connections up to here. The bits of a greater number, in the upper half of a float64, could be
 * those of NaN, and src/ring/emitter.ts stores two words as one float64. It is reached after 68 years of one connection
 * per second.
 */
export const LAST_CONN_EPOCH = 0x7fef_ffff;
