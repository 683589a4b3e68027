#include "telemetryText.h"

static int isFollowing(uint8_t byte)
{
	return byte >> 6 == 2;
}

/*
 * Copies the character at `at`, which is not ASCII, or its replacement, if there is room for it. Returns the bytes it read, times 8, plus
 * those it wrote; 0 if there is no room. A function of its own, so that ASCII pays nothing for it.
 *
 * A byte is read only if those before it belong together, and a zero belongs to nothing: so the end of a string ends the character, too.
 */
static __attribute__((noinline)) uint32_t character(const uint8_t* at, const uint8_t* last, uint8_t* to, uint32_t room)
{
	uint32_t lead = at[0];
	uint32_t follow = (lead >= 0xc0) + (lead >= 0xe0) + (lead >= 0xf0);
	uint32_t code = lead & (follow > 1 ? 0x0f : 0x1f);
	uint32_t least = follow > 1 ? 0x40 >> (follow - 1) : 0x80; /* of the first two bytes: fewer could say less */
	uint32_t valid = 0;
	uint32_t bytes = 3;
	while (valid < follow && at + valid + 1 != last && isFollowing(at[valid + 1])) {
		uint32_t next = code << 6 | (at[valid + 1] & 0x3f);
		if (next < least && (last || next || follow > 1)) /* except C0 80, which is U+0000 in a string */
			break;
		/* More than U+10FFFF, or half a surrogate pair, which is a character in a string. */
		if (valid == 0 && ((follow == 3 && next >= 0x110) || (follow == 2 && last && next >> 5 == 0x1b)))
			break;
		code = next;
		valid++;
	}
	if (!follow || valid < follow || !code)
		code = 0xfffd;
	else if (code >> 11 != 0x1b)
		bytes = follow + 1;
	else if (code < 0xdc00 && at[3] == 0xed && at[4] >> 4 == 0xb && isFollowing(at[5])) {
		code = 0x10000 + ((code - 0xd800) << 10) + ((at[4] & 0x0fu) << 6 | (at[5] & 0x3f));
		bytes = 4;
		valid = 5;
	}
	else
		code = 0xfffd;
	/* src/ring/text.ts gets a string from an encoder that stops where it has no room for four bytes, whatever they are. */
	if (room < (lead >= 0xf0 && !last ? 4 : bytes))
		return 0;
	for (follow = bytes; --follow > 0; code >>= 6)
		to[follow] = (uint8_t)(0x80 | (code & 0x3f));
	to[0] = (uint8_t)(0xf00 >> bytes | code);
	return (1 + valid) * 8 + bytes;
}

uint32_t telemetryText(const uint8_t* from, const uint8_t* last, uint8_t* start, uint32_t most)
{
	uint8_t* to = start;
	uint8_t* end = start + most;
	for (;;) {
		uint8_t* stop = end;
		int lead = 0;
		uint32_t copied;
		if (last && last - from < end - to)
			stop = to + (last - from);
		if (to == stop)
			break;
		/* ASCII, most of the text: four bytes at a time as long as possible. If not all four are ASCII, the rest is written again. */
		while (stop - to >= 4) {
			const int8_t* four = (const int8_t*)from;
			if (four[0] <= 0)
				break;
			to[0] = (uint8_t)four[0];
			if (four[1] <= 0)
				break;
			to[1] = (uint8_t)four[1];
			if (four[2] <= 0)
				break;
			to[2] = (uint8_t)four[2];
			if (four[3] <= 0)
				break;
			to[3] = (uint8_t)four[3];
			from += 4;
			to += 4;
		}
		if (to == stop)
			break;
		do {
			lead = *(const int8_t*)from;
			if (lead <= 0)
				break;
			*to++ = (uint8_t)lead;
			from++;
		} while (to != stop);
		if (to == stop || (!last && lead == 0))
			break;
		copied = character(from, last, to, (uint32_t)(end - to));
		if (copied == 0)
			break;
		from += copied / 8;
		to += copied % 8;
	}
	return (uint32_t)(to - start);
}
