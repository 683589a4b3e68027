#include "telemetryText.h"

static int isSurrogate(const uint8_t* at, uint32_t kind)
{
	return at[0] == 0xed && (at[1] & 0xf0) == kind;
}

/* How many of the bytes after a lead byte belong to it, as far as they are valid; `most`: so many there are. */
static uint32_t validAfter(const uint8_t* at, uint32_t follow, ptrdiff_t most)
{
	uint32_t lead = at[0];
	uint32_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	uint32_t greatest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	uint32_t valid = 0;
	while (valid < follow && (ptrdiff_t)valid < most && at[valid + 1] >= least && at[valid + 1] <= greatest) {
		least = 0x80;
		greatest = 0xbf;
		valid++;
	}
	return valid;
}

uint32_t telemetryText(const uint8_t* from, const uint8_t* last, uint8_t* start, uint32_t most)
{
	uint8_t* to = start;
	uint8_t* end = start + most;
	for (;;) {
		uint8_t* stop = end;
		uint32_t follow, valid;
		uint8_t character[4] = { 0xef, 0xbf, 0xbd }; /* U+FFFD */
		const uint8_t* copied = character;
		uint32_t bytes = 3;
		int lead = 0;
		if (last && last - from < end - to)
			stop = to + (last - from);
		if (to == stop)
			break;
		/* ASCII, most of what there is. */
		do {
			lead = *(const int8_t*)from;
			if (lead <= 0)
				break;
			*to++ = (uint8_t)lead;
			from++;
		} while (to != stop);
		if (to == stop || (!last && lead == 0))
			break;
		lead &= 0xff;
		follow = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		valid = validAfter(from, follow, last ? last - from - 1 : 3);
		if (follow > 0 && valid == follow) {
			copied = from;
			bytes = follow + 1;
		}
		else if (!last) {
			/* What is not UTF-8 in a string of XS. */
			valid = lead == 0xc0 ? 1 : 2;
			if (isSurrogate(from, 0xa0) && isSurrogate(from + 3, 0xb0)) {
				uint32_t high = 0x40 + ((from[1] & 0x0fu) << 6 | (from[2] & 0x3fu));
				character[0] = (uint8_t)(0xf0 | high >> 8);
				character[1] = (uint8_t)(0x80 | (high >> 2 & 0x3f));
				character[2] = (uint8_t)(0x80 | (high & 3) << 4 | (from[4] & 0x0f));
				character[3] = from[5];
				bytes = 4;
				valid = 5;
			}
		}
		if ((uint32_t)(end - to) < bytes)
			break;
		from += 1 + valid;
		while (bytes--)
			*to++ = *copied++;
	}
	return (uint32_t)(to - start);
}
