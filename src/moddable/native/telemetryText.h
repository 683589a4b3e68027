/* Text on its way into a record. Includes nothing of XS. */
#ifndef telemetryText_h
#define telemetryText_h

#include <stddef.h>
#include <stdint.h>

/**
 * Copies text, at most `most` bytes, as valid UTF-8 without U+0000, cut at a code point. Returns the bytes written.
 *
 * If `last` is NULL, the text is a string of XS, which ends at its first zero byte. In it U+0000 is C0 80, and half a surrogate pair is
 * three bytes; both become U+FFFD, and a pair becomes its character. Otherwise the text is the bytes up to `last`, and a zero becomes
 * U+FFFD. In both, each maximal subsequence that is not UTF-8 (WHATWG Encoding) becomes U+FFFD: C of the device, and data that arrives, may
 * put any bytes into a string. All this happens before the cut, except that nothing is written for a string's byte F0 to FF where there is
 * no room for four. Reads nothing beyond `last`, or beyond the zero.
 */
uint32_t telemetryText(const uint8_t* from, const uint8_t* last, uint8_t* to, uint32_t most);

#endif
