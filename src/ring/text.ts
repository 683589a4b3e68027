import { MAX_RECORD_SLOTS, MAX_TOKEN_BYTES, SLOT_BYTES } from "./packet-layout.ts";

/** The longest text, in whole slots, which follow at least one other. */
export const MAX_TEXT_TAIL_BYTES = (MAX_RECORD_SLOTS - 1) * SLOT_BYTES;
const TOO_LONG_NAME = MAX_TOKEN_BYTES + 1;

/** How a platform encodes strings. */
export interface Encoder {
  /**
   * As TextEncoder's, but what XS allows in a string may pass: lone surrogates as three bytes each, and sequences of
   * any bytes with a lead byte that fits their number. No character is cut.
   */
  readonly encoder: {
    encodeInto(value: string, into: Uint8Array): { readonly read: number; readonly written: number };
  };
  /** String.prototype.indexOf, as a value with a cheap call(). */
  readonly indexOf: typeof String.prototype.indexOf;
}

/**
 * One text on its way into a record: valid UTF-8, no U+0000, cut at a code point, zero-filled to the end of the longest
 * tail. The destinations share the memory and differ in how much they take.
 */
export interface Text {
  /** A destination for the name of a token: it takes slightly more than a name may have. */
  readonly name: Uint8Array;
  /** Makes a destination for that many bytes, at most 112. Allocates it. */
  destination(maxBytes: number): Uint8Array;
  /**
   * Puts a string into a destination. Returns its bytes. Lone surrogates, U+0000, and parts of an XS string that are
   * not UTF-8 become U+FFFD before the cut, as in fromBytes; a character of up to four bytes is not written where there
   * is no room for four. Allocates what the platform's encoder does, on XS 48 bytes.
   */
  fromString(value: string, into: Uint8Array): number;
  /**
   * Puts bytes into a destination: each maximal invalid subsequence (WHATWG Encoding), and U+0000, becomes U+FFFD.
   * Returns the bytes written. Allocates nothing.
   */
  fromBytes(value: Uint8Array, into: Uint8Array): number;
  /**
   * Returns the bytes of a name in a packet of tokens, exact up to 64. For a name of up to 64 characters it allocates
   * as fromString does.
   */
  utf8Bytes(name: string): number;
}

/** Returns the number of continuation bytes after a lead byte; 0 if it is not one. */
function followOf(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
}

/** Whether a second byte makes the sequence overlong, a surrogate or more than U+10FFFF. */
function forbids(lead: number, second: number, surrogates: boolean): boolean {
  if (lead === 0xe0) return second < 0xa0;
  if (lead === 0xed) return second > 0x9f && !surrogates;
  if (lead === 0xf0) return second < 0x90;
  return lead === 0xf4 && second > 0x8f;
}

/** `buffer`, `byteOffset`: where to write the text, MAX_TEXT_TAIL_BYTES. */
export function createText({ encoder, indexOf }: Encoder, buffer: ArrayBuffer, byteOffset: number): Text {
  const all = new Uint8Array(buffer, byteOffset, MAX_TEXT_TAIL_BYTES);
  let filled = 0; // bytes from here on are zero
  const raw = new Uint8Array(MAX_TEXT_TAIL_BYTES);

  /**
   * Copies possibly invalid UTF-8 from source[0..count) into the buffer, at most `most` bytes; returns the bytes
   * written. `isString`: in XS a lone surrogate is three bytes that form one character; in a byte array it is three
   * errors. The encoder has stopped where it had no room for four bytes, whatever they were: so does this function.
   */
  function copy(source: Uint8Array, count: number, most: number, isString: boolean): number {
    let written = 0;
    let at = 0;
    while (at < count) {
      const value = source[at];
      if (value === undefined) break; // the end of the source: asking for its length could run the caller's code
      const lead = value & 0xff; // also for an array of other numbers that claims to be one of bytes
      if (lead > 0 && lead < 0x80) {
        if (written === most) break;
        all[written++] = lead;
        at++;
        continue;
      }
      const follow = followOf(lead);
      let valid = 0;
      while (valid < follow && at + valid + 1 < count) {
        const next = source[at + valid + 1]! & 0xff; // 0 past the end
        if (next < 0x80 || next > 0xbf) break;
        if (valid === 0 && forbids(lead, next, isString)) break;
        valid++;
      }
      if (follow > 0 && valid === follow && !(lead === 0xed && (source[at + 1]! & 0xff) > 0x9f)) {
        if (written + follow >= most) break;
        for (let index = 0; index <= follow; index++) all[written++] = source[at + index]!;
      } else {
        if (written + (isString && lead >= 0xf0 ? 4 : 3) > most) break;
        all[written++] = 0xef;
        all[written++] = 0xbf;
        all[written++] = 0xbd;
      }
      at += 1 + valid;
    }
    return written;
  }

  /** Replaces invalid parts of the text that was encoded into the buffer; returns its bytes. */
  function repair(encoded: number, most: number): number {
    all.fill(0, encoded);
    raw.set(all);
    const written = copy(raw, encoded, most, true);
    all.fill(0, written);
    filled = written;
    return written;
  }

  const destination = (maxBytes: number) => new Uint8Array(buffer, byteOffset, maxBytes);
  const text: Text = {
    name: destination(MAX_TOKEN_BYTES + 4),
    destination,
    fromString(value, into) {
      const result = encoder.encodeInto(value, into);
      const written = result.written;
      // As many bytes as characters: all ASCII, so only U+0000 can be wrong.
      if (written === result.read)
        if (indexOf.call(value, "\0") < 0) {
          if (written < filled) all.fill(0, written, filled);
          filled = written;
          return written;
        }
      return repair(written, into.length);
    },
    fromBytes(value, into) {
      let written = 0;
      try {
        // No source byte becomes less than a byte, so this many are enough, plus a sequence begun by the last of them.
        written = copy(value, into.length + 3, into.length, false);
      } catch {
        // A detached buffer throws on some engines: it has no bytes.
      }
      all.fill(0, written);
      filled = written;
      return written;
    },
    utf8Bytes(name) {
      // More characters are more bytes. Not charCodeAt: XS's reads beyond a string that ends in FC or FD and three
      // bytes.
      if (indexOf.call(name, "", TOO_LONG_NAME) === TOO_LONG_NAME) return TOO_LONG_NAME;
      return text.fromString(name, text.name);
    },
  };
  return text;
}
