/* Text on its way into a record. Includes nothing of XS. */
#ifndef telemetryText_h
#define telemetryText_h

#include <stddef.h>
#include <stdint.h>

/**
 * Copies text, at most `most` bytes, as valid UTF-8 without U+0000, cut at a code point. Returns the bytes written.
 *
 * `last` NULL: a string of XS, which ends at its first zero byte. There U+0000 is C0 80, and half a surrogate pair three
 * bytes; both become U+FFFD, a pair its character. Else the bytes up to `last`, where a zero becomes U+FFFD. In either, each
 * maximal subsequence that is no UTF-8 (WHATWG Encoding) becomes U+FFFD: C of the device, and what arrives, may put any bytes
 * into a string. All before the cut, but that of a string's byte F0 to FF nothing is written where there is no room for four. Reads nothing behind `last`, or behind the zero.
 */
uint32_t telemetryText(const uint8_t* from, const uint8_t* last, uint8_t* to, uint32_t most);

#endif
