/* Text on its way into a record: valid UTF-8 without U+0000, cut at a code point. Includes nothing of XS. */
#ifndef telemetryText_h
#define telemetryText_h

#include <stdint.h>

/**
 * Copies a string of XS, at most `most` bytes. Lone surrogates and U+0000 become U+FFFD before the cut. Returns the bytes written.
 * XS keeps U+0000 as C0 80, so that a string ends at its first zero byte, and half a surrogate pair as three bytes.
 */
uint32_t telemetryTextFromString(const char* from, uint8_t* to, uint32_t most);

/**
 * Copies bytes, at most `most`. Each maximal invalid subsequence (WHATWG Encoding), and U+0000, becomes U+FFFD before the cut.
 * Returns the bytes written.
 */
uint32_t telemetryTextFromBytes(const uint8_t* from, uint32_t count, uint8_t* to, uint32_t most);

#endif
