// A second, plain implementation of frames for specs of the device code: it shares no code with host/ or src/.

/** CRC-32 as zlib has it, bit by bit. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** The COBS content between two zeros; undefined if it is invalid. */
function unstuff(coded: Uint8Array): number[] | undefined {
  const bytes: number[] = [];
  let at = 0;
  while (at < coded.length) {
    const code = coded[at]!;
    if (code === 0 || at + code > coded.length) return undefined;
    for (let index = 1; index < code; index++) bytes.push(coded[at + index]!);
    at += code;
    if (code < 255 && at < coded.length) bytes.push(0);
  }
  return bytes;
}

/** The packets of all whole frames on a line, in order; anything else is skipped. */
export function packetsOnLine(line: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at <= line.length; at++) {
    if (at < line.length && line[at] !== 0) continue;
    const bytes = unstuff(line.slice(from, at));
    from = at + 1;
    if (!bytes || bytes.length < 4) continue;
    const packet = Uint8Array.from(bytes.slice(0, -4));
    const told = bytes.slice(-4).reduceRight((sum, byte) => sum * 256 + byte, 0);
    if (crc32(packet) === told) packets.push(packet);
  }
  return packets;
}
