/* Text on its way into a record. Includes nothing of XS. */
#ifndef telemetryText_h
#define telemetryText_h

#include <stddef.h>
#include <stdint.h>

/**
 * Copies text, at most `most` bytes, as valid UTF-8 without U+0000, cut at a code point. Returns the bytes written.
 *
 * `last` NULL: a string of XS, which ends at its first zero byte. There U+0000 is C0 80, and half a surrogate pair three
 * bytes; both become U+FFFD, a pair its character. Else the bytes up to `last`, of which each maximal invalid subsequence
 * (WHATWG Encoding), and each zero, becomes U+FFFD. All before the cut.
 */
uint32_t telemetryText(const uint8_t* from, const uint8_t* last, uint8_t* to, uint32_t most);

#endif
