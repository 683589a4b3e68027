// A second, plain implementation of docs/format.md for specs of the device code: it shares no code with host/ or src/.

export interface PlainRecord {
  time: number;
  /** The record type for the longest text, for those for shorter texts. */
  type: number;
  /** As in the record. */
  id: number;
  /** Of the record. */
  bytes: number;
  code: number;
  token: number;
  clientId: number;
  connEpoch: number;
  /** u64 of bytes 8 to 15: internal records. */
  u64: number;
  /** Tail text up to its first zero byte, empty if the record type says so, undefined without a text. */
  text: Uint8Array | undefined;
}

export interface PlainPacket {
  uuid: Uint8Array;
  stream: number;
  begin: number;
  end: number;
  contentBits: number;
  packetBits: number;
  discarded: number;
  number: number;
  bootId: number;
  firstSeq: number;
  reader: number;
  wireFormat: number;
  pendingSlots: number;
  capacitySlots: number;
  /** Data packets. Times are extended to 64 bits. */
  records: PlainRecord[];
  /** Token packets. */
  tokens: { token: number; name: string }[];
}

const SLOTS: Record<number, number> = {
  1: 1,
  2: 4,
  3: 1,
  4: 1,
  5: 1,
  6: 8,
  7: 1,
  8: 8,
  9: 1,
  10: 1,
  11: 1,
  12: 2,
  13: 3,
  14: 4,
  15: 5,
  16: 6,
  17: 7,
  18: 2,
  19: 3,
  20: 4,
  21: 5,
  22: 6,
  23: 7,
  24: 2,
  25: 3,
  26: 1,
  240: 1,
  241: 1,
  243: 1,
};
/** With an empty text. */
const EMPTY_TEXT = [9, 10, 11];
/** Those for texts of one slot and more, by the one for the longest. */
const SHORTER: readonly (readonly [type: number, from: number, slots: number])[] = [
  [2, 24, 3],
  [6, 12, 7],
  [8, 18, 7],
];

/** The record type of a text with this many bytes, for the one for the longest. */
export function textType(type: number, bytes: number): number {
  const [, from, slots] = SHORTER.find(([longest]) => longest === type)!;
  const needed = Math.ceil(bytes / 16);
  return needed < slots ? from + needed - 1 : type;
}

export function readPacket(bytes: Uint8Array): PlainPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number) => view.getUint32(at, true);
  const u64 = (at: number) => u32(at) + u32(at + 4) * 4294967296;
  if (u32(0) !== 0xc1fc1fc1) throw new Error(`magic is ${u32(0)}`);
  const packet: PlainPacket = {
    uuid: bytes.slice(4, 20),
    stream: u32(20),
    begin: u64(24),
    end: u64(32),
    contentBits: u32(40),
    packetBits: u32(44),
    discarded: u64(48),
    number: u64(56),
    bootId: u64(64),
    firstSeq: u64(72),
    reader: u32(80),
    wireFormat: u32(84),
    pendingSlots: u32(88),
    capacitySlots: u32(92),
    records: [],
    tokens: [],
  };
  if (packet.packetBits !== bytes.length * 8)
    throw new Error(`packet of ${bytes.length} bytes says ${packet.packetBits} bits`);
  const end = packet.contentBits / 8;
  for (let at = 96; at < end; ) {
    if (packet.stream === 1) {
      const length = view.getUint16(at + 2, true);
      packet.tokens.push({ token: view.getUint16(at, true), name: ascii(bytes.slice(at + 4, at + 4 + length)) });
      at += 4 + length;
      continue;
    }
    const id = bytes[at + 4]!;
    const slots = SLOTS[id];
    if (!slots) throw new Error(`record type ${id} at byte ${at}`);
    const type = SHORTER.find(([, from, most]) => id >= from && id < from + most - 1)?.[0] ?? id;
    const tail = bytes.slice(at + 16, at + slots * 16);
    const zero = tail.indexOf(0);
    const high = Math.floor(packet.begin / 4294967296);
    packet.records.push({
      time: high * 4294967296 + u32(at),
      type,
      id,
      bytes: slots * 16,
      code: bytes[at + 5]!,
      token: view.getUint16(at + 6, true),
      clientId: u32(at + 8),
      connEpoch: u32(at + 12),
      u64: u64(at + 8),
      text: slots === 1 && !EMPTY_TEXT.includes(id) ? undefined : tail.slice(0, zero < 0 ? tail.length : zero),
    });
    if (zero >= 0 && slots > 1 && tail.slice(zero).some((byte) => byte !== 0))
      throw new Error(`stale bytes in the tail at ${at}`);
    if (slots > 1 && id !== textType(type, zero < 0 ? tail.length : zero))
      throw new Error(`record type ${id} at byte ${at} for a text of ${zero < 0 ? tail.length : zero} bytes`);
    at += slots * 16;
  }
  return packet;
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** The counters of the identity: [emitted, drained, overwritten, discarded, pending]. */
export function ringCounters(
  counters: Record<"emitted" | "drained" | "overwritten" | "discarded" | "pending", number>,
): number[] {
  const { emitted, drained, overwritten, discarded, pending } = counters;
  return [emitted, drained, overwritten, discarded, pending];
}
