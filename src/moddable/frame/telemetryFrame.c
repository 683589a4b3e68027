/* The native of src/moddable/frame.ts: the C form of src/drain/frame.ts. */
#include <stdint.h>

#include "xsmc.h"
#include "xsHost.h"

#define CRC_BYTES 4
#define MAX_GROUP_BYTES 254

/* CRC-32 of ISO 3309, IEEE 802.3 and zlib, four bits at a time. */
static const uint32_t crcOfNibble[16] = {
	0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
	0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

/* The byte before the group at `code` holds its length; a group is full, or ends before a zero. */
typedef struct {
	uint8_t* code;
	uint8_t* at;
} Groups;

static void put(Groups* groups, uint8_t byte)
{
	if (byte)
		*groups->at++ = byte;
	if (!byte || groups->at - groups->code > MAX_GROUP_BYTES) {
		*groups->code = (uint8_t)(groups->at - groups->code);
		groups->code = groups->at++;
	}
}

static uint32_t frame(const uint8_t* packet, uint32_t byteLength, uint8_t* into)
{
	Groups groups = { into + 1, into + 2 };
	uint32_t crc = 0xFFFFFFFF;
	into[0] = 0;
	for (uint32_t index = 0; index < byteLength; index++) {
		uint8_t byte = packet[index];
		crc = crc >> 4 ^ crcOfNibble[(crc ^ byte) & 15];
		crc = crc >> 4 ^ crcOfNibble[(crc ^ byte >> 4) & 15];
		put(&groups, byte);
	}
	crc = ~crc;
	for (int index = 0; index < CRC_BYTES; index++)
		put(&groups, (uint8_t)(crc >> index * 8));
	*groups.code = (uint8_t)(groups.at - groups.code);
	*groups.at++ = 0;
	return (uint32_t)(groups.at - into);
}

/** write(packet, byteLength, into) */
void xs_telemetry_frame_write(xsMachine* the)
{
	void* packet;
	void* into;
	xsUnsignedValue packetBytes;
	xsUnsignedValue intoBytes;
	xsIntegerValue byteLength;
	uint32_t content;
	if (xsmcArgc < 3)
		xsTypeError("a frame needs packet, byteLength, into");
	/* First, because it may run a script, which may move buffers. */
	byteLength = xsmcToInteger(xsArg(1));
	xsmcGetBufferReadable(xsArg(0), &packet, &packetBytes);
	xsmcGetBufferWritable(xsArg(2), &into, &intoBytes);
	content = (uint32_t)byteLength + CRC_BYTES;
	if (byteLength < 0 || (xsUnsignedValue)byteLength > packetBytes || content + content / MAX_GROUP_BYTES + 3 > intoBytes)
		xsRangeError("a frame of %d bytes does not fit", (int)byteLength);
	xsmcSetInteger(xsResult, (xsIntegerValue)frame(packet, (uint32_t)byteLength, into));
}
