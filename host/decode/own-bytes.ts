/** Finds where a packet ends, in bytes that may be cut. */
import { PACKET_MAGIC } from "../../src/ring/packet-layout.ts";

export const MAGIC = Buffer.alloc(4);
MAGIC.writeInt32LE(PACKET_MAGIC);

/**
 * Returns how many bytes of the packet at `bytes[start]` are its own, of the `packetBytes` that its header claims;
 * `bytes[start, end)` are there, and no more will come if `final`. Fewer than claimed if it was cut and another packet
 * begins within it. Undefined if the following bytes are needed: a magic and fingerprint may begin in its last bytes.
 * Searches the packet once.
 */
export function ownBytes(
  bytes: Buffer,
  start: number,
  packetBytes: number,
  end: number,
  beginnings: readonly Buffer[],
  final: boolean,
): number | undefined {
  const stop = Math.min(start + packetBytes, end);
  const { length } = beginnings[0]!;
  const searched = bytes.subarray(start + 1, Math.min(stop + length - 1, end));
  const found = beginningIn(searched, beginnings);
  if (found >= 0) {
    if (end < start + packetBytes + MAGIC.length && !final) return undefined;
    // Numbers of a user's registry may have any bytes; a packet that another one follows is as long as it says.
    const isFollowed = bytes.subarray(start + packetBytes, end).indexOf(MAGIC) === 0;
    return isFollowed ? packetBytes : 1 + found;
  }
  for (let at = Math.max(start + 1, end - length + 1); at < stop; at++) {
    if (beginnings.every((beginning) => bytes.compare(beginning, 0, end - at, at, end) !== 0)) continue;
    if (!final) return undefined;
    if (end - at >= MAGIC.length) return at - start;
  }
  return packetBytes;
}

/** Returns where the first of these begins, each of which begins with a magic; -1 if none is complete. */
function beginningIn(bytes: Buffer, beginnings: readonly Buffer[]): number {
  const { length } = beginnings[0]!;
  for (let at = bytes.indexOf(MAGIC); at >= 0 && at + length <= bytes.length; at = bytes.indexOf(MAGIC, at + 1))
    for (const beginning of beginnings) if (bytes.compare(beginning, 0, length, at, at + length) === 0) return at;
  return -1;
}
