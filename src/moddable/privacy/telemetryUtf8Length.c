/* The native of src/moddable/utf8-length-native.ts. */
#include <stddef.h>
#include <stdint.h>

#include "xsmc.h"
#include "xsHost.h"

/*
 * XS keeps U+0000 as C0 80, so a string ends at its first zero byte, and each half of a surrogate pair as three bytes. A string may contain
 * any other bytes, too: each is read only if none before it is zero.
 */
static int isSurrogate(const uint8_t* at, uint32_t kind)
{
	return at[0] == 0xed && (at[1] & 0xf0) == kind && (at[2] & 0xc0) == 0x80;
}

/* Returns the bytes as UTF-8: U+0000 one, half a surrogate pair three, a pair made of halves four; anything that is not UTF-8 as it is. */
static size_t utf8Length(const uint8_t* from)
{
	size_t bytes = 0;
	for (; *from; from++, bytes++) {
		if (*from == 0xc0 && from[1] == 0x80)
			from++;
		else if (isSurrogate(from, 0xa0) && isSurrogate(from + 3, 0xb0)) {
			from += 5;
			bytes += 3;
		}
	}
	return bytes;
}

/** lengthOf(text) */
void xs_telemetry_utf8_length(xsMachine* the)
{
	if (xsmcArgc < 1)
		xsTypeError("no text");
	xsmcSetInteger(xsResult, (xsIntegerValue)utf8Length((const uint8_t*)xsmcToString(xsArg(0))));
}
