#include "telemetryText.h"

/* U+FFFD */
#define REPLACEMENT_BYTES 3

static uint8_t* replace(uint8_t* to)
{
	to[0] = 0xef;
	to[1] = 0xbf;
	to[2] = 0xbd;
	return to + REPLACEMENT_BYTES;
}

static int isSurrogate(const uint8_t* at, uint8_t kind)
{
	return at[0] == 0xed && (at[1] & 0xf0) == kind;
}

uint32_t telemetryTextFromString(const char* string, uint8_t* start, uint32_t most)
{
	const uint8_t* from = (const uint8_t*)string;
	uint8_t* to = start;
	uint8_t* end = start + most;
	for (;;) {
		uint32_t lead = 0;
		uint32_t bytes;
		/* ASCII, most of what there is. */
		while (to < end && (int8_t)(lead = *from) > 0) {
			*to++ = (uint8_t)lead;
			from++;
		}
		if (to == end || lead == 0)
			break;
		bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		if (isSurrogate(from, 0xa0) && isSurrogate(from + 3, 0xb0)) {
			uint32_t high = (from[1] & 0x0fu) << 6 | (from[2] & 0x3f);
			uint32_t low = (from[4] & 0x0fu) << 6 | (from[5] & 0x3f);
			uint32_t character = 0x10000 + (high << 10 | low);
			if (end - to < 4)
				break;
			*to++ = (uint8_t)(0xf0 | character >> 18);
			*to++ = (uint8_t)(0x80 | (character >> 12 & 0x3f));
			*to++ = (uint8_t)(0x80 | (character >> 6 & 0x3f));
			*to++ = (uint8_t)(0x80 | (character & 0x3f));
			from += 6;
		}
		else if (lead == 0xc0 || isSurrogate(from, 0xa0) || isSurrogate(from, 0xb0)) {
			if (end - to < REPLACEMENT_BYTES)
				break;
			to = replace(to);
			from += bytes;
		}
		else {
			if ((uint32_t)(end - to) < bytes)
				break;
			while (bytes--)
				*to++ = *from++;
		}
	}
	return (uint32_t)(to - start);
}

/* Continuation bytes after a lead byte; 0 if it leads nothing. */
static uint32_t followOf(uint32_t lead)
{
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
}

/* Whether a second byte is no continuation, or makes the sequence overlong, a surrogate or more than U+10FFFF. */
static int forbids(uint32_t lead, uint32_t second)
{
	uint32_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint32_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	return second < least || second > most;
}

uint32_t telemetryTextFromBytes(const uint8_t* from, uint32_t count, uint8_t* start, uint32_t most)
{
	const uint8_t* last = from + count;
	uint8_t* to = start;
	uint8_t* end = start + most;
	while (from < last) {
		uint32_t lead = *from++;
		uint32_t follow = followOf(lead);
		uint32_t valid = 0;
		if (lead > 0 && lead < 0x80) {
			if (to == end)
				break;
			*to++ = (uint8_t)lead;
			continue;
		}
		while (valid < follow && from + valid < last && !forbids(valid == 0 ? lead : 0, from[valid]))
			valid++;
		if (follow > 0 && valid == follow) {
			if ((uint32_t)(end - to) <= follow)
				break;
			*to++ = (uint8_t)lead;
			for (uint32_t i = 0; i < follow; i++)
				*to++ = from[i];
		}
		else {
			if (end - to < REPLACEMENT_BYTES)
				break;
			to = replace(to);
		}
		from += valid;
	}
	return (uint32_t)(to - start);
}
