/** Packets written by hand from docs/format.md. Shares no code with the decoder, so that both cannot have the same fault. */
import { registry } from "../../host/generated/registry.ts";

export const FINGERPRINT = registry.fingerprint;
export const OTHER_FINGERPRINT = "00112233445566778899aabbccddeeff";

const REASONS = ["", "rate_limit", "size_limit", "parse_error", "auth_failed"];
const TYPES = { "ws.connect": 1, "ws.connected": 3, "ws.disconnect": 4, "msg.recv": 5, "msg.send": 7 };

/** What to record. `time` in ms since boot. */
export interface EventSpec {
  readonly event: keyof typeof TYPES;
  readonly time: number;
  readonly clientId?: number;
  readonly connEpoch?: number;
  /** ws.connect only */
  readonly ip?: string;
  /** msg.… only: the token of the message type. */
  readonly token?: number;
  /** msg.recv only: 0 accepted, 1 to 4 the reason why not. */
  readonly reason?: number;
  /** msg.… only: at most 100 bytes of UTF-8. */
  readonly payloadSummary?: string;
}
export interface LostSpec {
  readonly lost: number | bigint;
  readonly time: number;
}
export interface JumpSpec {
  readonly jump: number | bigint;
  readonly time: number;
}
export type RecordSpec = EventSpec | LostSpec | JumpSpec;

const u8 = (value: number) => [value & 0xff];
const u16 = (value: number) => [value & 0xff, (value >>> 8) & 0xff];
const u32 = (value: number) => [...u16(value & 0xffff), ...u16(Math.floor(value / 0x10000) & 0xffff)];
const u64 = (value: number | bigint) => [
  ...u32(Number(BigInt(value) & 0xffff_ffffn)),
  ...u32(Number((BigInt(value) >> 32n) & 0xffff_ffffn)),
];
const text = (value: string, tailBytes: number) => {
  const bytes = [...Buffer.from(value, "utf8")];
  return [...bytes, ...new Array<number>(tailBytes - bytes.length).fill(0)];
};

/** Record types that say that their text is empty. */
const EMPTY_TEXT_TYPES: Record<string, number> = { "ws.connect": 9, "msg.recv": 10, "msg.send": 11 };

/** One record: a head slot of 16 bytes and, for a text, its tail slots. */
export function record(spec: RecordSpec): number[] {
  if ("lost" in spec) {
    return [
      ...u32(spec.time), // 0 time, low 32 bits
      ...u8(240), // 4 record type _lost
      ...[0, 0, 0], // 5 unused
      ...u64(spec.lost), // 8 count
    ];
  }
  if ("jump" in spec) {
    return [
      ...u32(spec.time), // 0 time, low 32 bits
      ...u8(241), // 4 record type _time_jump
      ...[0, 0, 0], // 5 unused
      ...u64(spec.jump), // 8 elapsedMs
    ];
  }
  const { event, time, clientId = 0, connEpoch = 0, ip, token = 0, reason = 0, payloadSummary } = spec;
  const tail = ip ?? payloadSummary;
  const type = tail === "" ? EMPTY_TEXT_TYPES[event]! : TYPES[event] + (tail === undefined ? 0 : 1);
  return [
    ...u32(time), // 0 time, low 32 bits
    ...u8(type), // 4 record type
    ...u8((reason > 0 ? 1 : 0) | (reason << 4)), // 5 result in the low 4 bits, reason in the high ones
    ...u16(token), // 6 msgType
    ...u32(clientId), // 8 clientId
    ...u32(connEpoch), // 12 connEpoch
    ...(ip ? text(ip, 48) : []), // 16 ip: at most 45 bytes in 3 slots
    ...(payloadSummary ? text(payloadSummary, 112) : []), // 16 payloadSummary: at most 100 bytes in 7 slots
  ];
}

/** Fields of a packet header; what is absent is 0, or what format.md says it must be. */
export interface HeaderSpec {
  readonly magic?: number;
  readonly fingerprint?: string;
  readonly streamId?: number;
  readonly timestampBegin?: number | bigint;
  readonly timestampEnd?: number | bigint;
  readonly contentBits?: number;
  readonly packetBits?: number;
  readonly eventsDiscarded?: number | bigint;
  readonly packetNumber?: number | bigint;
  readonly bootId?: number | bigint;
  readonly firstEventSeq?: number | bigint;
  readonly reader?: number;
  readonly wireFormat?: number;
  readonly ringPendingSlots?: number;
  readonly ringCapacitySlots?: number;
}

/** One packet: header, content, zeros up to a multiple of 16 bytes. */
export function packet(header: HeaderSpec, content: readonly number[] = []): Uint8Array {
  const contentBytes = 96 + content.length;
  const packetBytes = Math.ceil(contentBytes / 16) * 16;
  return Uint8Array.from([
    ...u32(header.magic ?? 0xc1fc1fc1), // 0 magic
    ...Buffer.from(header.fingerprint ?? FINGERPRINT, "hex"), // 4 uuid
    ...u32(header.streamId ?? 0), // 20 stream_id
    ...u64(header.timestampBegin ?? 0), // 24 timestamp_begin
    ...u64(header.timestampEnd ?? header.timestampBegin ?? 0), // 32 timestamp_end
    ...u32(header.contentBits ?? contentBytes * 8), // 40 content_size
    ...u32(header.packetBits ?? packetBytes * 8), // 44 packet_size
    ...u64(header.eventsDiscarded ?? 0), // 48 events_discarded
    ...u64(header.packetNumber ?? 1), // 56 packet_seq_num
    ...u64(header.bootId ?? 1), // 64 boot_id
    ...u64(header.firstEventSeq ?? 0), // 72 first_event_seq
    ...u32(header.reader ?? 0), // 80 reader
    ...u32(header.wireFormat ?? 1), // 84 wire_format
    ...u32(header.ringPendingSlots ?? 0), // 88 ring_pending_slots
    ...u32(header.ringCapacitySlots ?? 1024), // 92 ring_capacity_slots
    ...content, // 96
    ...new Array<number>(packetBytes - contentBytes).fill(0),
  ]);
}

/** Content of a token packet. */
export function tokenEntries(entries: readonly (readonly [token: number, name: string])[]): number[] {
  return entries.flatMap(([token, name]) => {
    const bytes = Buffer.from(name, "utf8");
    return [
      ...u16(token), // 0 token
      ...u16(bytes.length), // 2 length
      ...bytes, // 4 name
    ];
  });
}

export type ExpectedEvent = Record<string, string | number>;

export interface BuiltPacket {
  readonly kind: "data" | "tokens";
  readonly packetNumber: number;
  readonly bytes: Uint8Array;
  /** What decode must return for it, assuming that tokens sent so far are known. */
  readonly events: readonly ExpectedEvent[];
}

/** The packets of one boot and reader, with numbers and counts as a device keeps them. */
export class PacketSource {
  readonly names = new Map<number, string>();
  eventSeq: number;
  discarded: number;
  #dataPackets = 0;
  #tokenPackets = 0;
  readonly #header: HeaderSpec;

  /** `firstEventSeq`: events before it count as overwritten. */
  constructor(header: HeaderSpec = {}, firstEventSeq = 0) {
    this.#header = header;
    this.eventSeq = firstEventSeq;
    this.discarded = firstEventSeq;
  }

  /** A data packet with these records; `overwritten` events were lost before it. */
  data(records: readonly RecordSpec[], overwritten = 0, header: HeaderSpec = {}): BuiltPacket {
    this.eventSeq += overwritten;
    this.discarded += overwritten;
    const firstEventSeq = this.eventSeq;
    const events: ExpectedEvent[] = [];
    for (const spec of records) {
      if ("lost" in spec) {
        this.eventSeq += Number(spec.lost);
        this.discarded += Number(spec.lost);
      } else if (!("jump" in spec)) {
        events.push(this.#expected(spec, this.eventSeq++));
      }
    }
    const bytes = packet(
      {
        timestampBegin: records[0]?.time ?? 0,
        timestampEnd: records.at(-1)?.time ?? 0,
        eventsDiscarded: this.discarded,
        packetNumber: ++this.#dataPackets,
        firstEventSeq,
        ...this.#header,
        ...header,
      },
      records.flatMap(record),
    );
    return { kind: "data", packetNumber: this.#dataPackets, bytes, events };
  }

  tokens(entries: readonly (readonly [token: number, name: string])[], time = 0): BuiltPacket {
    for (const [token, name] of entries) this.names.set(token, name);
    const header = { streamId: 1, timestampBegin: time, packetNumber: ++this.#tokenPackets, ...this.#header };
    return {
      kind: "tokens",
      packetNumber: this.#tokenPackets,
      bytes: packet(header, tokenEntries(entries)),
      events: [],
    };
  }

  /** The event with its keys in the registry's order. */
  #expected(spec: EventSpec, eventSeq: number): ExpectedEvent {
    const { event, time, clientId = 0, connEpoch = 0, ip, token = 0, reason = 0, payloadSummary } = spec;
    return {
      event,
      ts_mono_ms: time,
      connEpoch,
      eventSeq,
      clientId,
      ...(ip !== undefined && { ip }),
      ...(event.startsWith("msg.") && { msgType: this.names.get(token) ?? "" }),
      ...(event === "msg.recv" && { result: reason > 0 ? "rejected" : "ok", reason: REASONS[reason]! }),
      ...(payloadSummary !== undefined && { payloadSummary }),
      schemaVersion: "1.0.0",
    };
  }
}

/** A seeded source of random integers below `limit` (mulberry32). */
export function randomIntegers(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * limit);
  };
}

const TEXTS = ["", "{}", '{"type":"getStatus"}', "naïve ☃ 😀", '"\\\u0001\n\u007f', "x".repeat(100), "😀".repeat(25)];

/** A random event at a time; tokens 0 to `tokens`. */
export function randomEvent(random: (limit: number) => number, time: number, tokens: number): EventSpec {
  const event = (Object.keys(TYPES) as (keyof typeof TYPES)[])[random(5)]!;
  const ids = { clientId: random(2) ? random(9) : random(2 ** 32), connEpoch: random(2 ** 32) };
  if (event === "ws.connect")
    return { event, time, ...ids, ...(random(2) && { ip: ["10.0.0.7", "fe80::1", "ü"][random(3)]! }) };
  if (!event.startsWith("msg.")) return { event, time, ...ids };
  const summary = random(2) ? { payloadSummary: TEXTS[random(TEXTS.length)]! } : {};
  return {
    event,
    time,
    ...ids,
    token: random(tokens + 1),
    ...(event === "msg.recv" && { reason: random(5) }),
    ...summary,
  };
}

/** All packets one after the other. */
export function joined(packets: readonly { readonly bytes: Uint8Array }[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(packets.map(({ bytes }) => bytes)));
}

/** Packets of one boot with every feature: tokens, texts, refused and overwritten events, a time jump, repeated tokens. */
export function mixedPackets(header: HeaderSpec = { bootId: 0x1234 }): BuiltPacket[] {
  const source = new PacketSource(header);
  const names = [
    [1, "getStatus"],
    [2, 'we"ird\n'],
  ] as const;
  const later = 2 ** 32 + 5000;
  return [
    source.tokens(names, 5),
    source.data([
      { event: "ws.connect", time: 10, clientId: 4, connEpoch: 0, ip: "192.168.0.25" },
      { event: "ws.connect", time: 10, clientId: 5, connEpoch: 1 },
      { event: "ws.connected", time: 12, clientId: 4, connEpoch: 0 },
      { event: "msg.recv", time: 13, clientId: 4, token: 1 },
    ]),
    source.data([
      { event: "msg.recv", time: 500, clientId: 4, token: 2, reason: 3, payloadSummary: '{"a":"naïve ☃ 😀' },
      { lost: 7, time: 501 },
      { event: "msg.send", time: 502, clientId: 4, token: 1, payloadSummary: "" },
    ]),
    source.data([{ event: "msg.send", time: 900, clientId: 0xffffffff, connEpoch: 0xffffffff, token: 0 }], 50),
    source.tokens(names, 950),
    source.data([
      { jump: later - 900, time: later },
      { event: "msg.recv", time: later, clientId: 1, token: 1, reason: 1 },
      { event: "ws.disconnect", time: later + 7, clientId: 4, connEpoch: 0 },
    ]),
    source.data([{ event: "ws.disconnect", time: later + 8, clientId: 5, connEpoch: 1 }]),
    source.data([{ event: "ws.connected", time: later + 9, clientId: 6, connEpoch: 2 }], 0),
  ];
}

/** Where the records of a packet that are events end, from the packet's beginning. */
export function recordEndsOf({ bytes, kind }: BuiltPacket): number[] {
  const slots: Record<number, number> = { 2: 4, 6: 8, 8: 8 };
  const ends: number[] = [];
  if (kind === "tokens") return ends;
  for (let at = 96; at < bytes.length; ) {
    const type = bytes[at + 4]!;
    at += 16 * (slots[type] ?? 1);
    if (type < 240) ends.push(at);
  }
  return ends;
}

/** Packets of a random boot: `count` data packets or fewer. */
export function randomPackets(random: (limit: number) => number, count: number): BuiltPacket[] {
  const source = new PacketSource({ bootId: random(3), reader: random(2) }, random(2) ? 2 ** 40 : 0);
  let time = random(2) * (2 ** 32 - 40);
  const packets = [
    source.tokens(
      [
        [1, "a"],
        [2, "😀"],
      ],
      time,
    ),
  ];
  for (let number = 0; number < count; number++) {
    const records: RecordSpec[] = [];
    for (let left = 1 + random(5); left > 0; left--) {
      time += random(10);
      if (Math.floor(time / 2 ** 32) !== Math.floor((records[0]?.time ?? time) / 2 ** 32)) break;
      records.push(random(6) ? randomEvent(random, time, 3) : { lost: 1 + random(9), time });
    }
    if (records.length > 0) packets.push(source.data(records, random(3) ? 0 : random(20)));
  }
  return packets;
}

/** Bytes with one random change: noise, cuts, repetitions, flipped bits. */
export function changed(bytes: Uint8Array, random: (limit: number) => number): Uint8Array {
  const at = random(bytes.length + 1);
  const length = random(2) ? 1 + random(4) : random(300);
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)];
  const noise = () => Buffer.from(Array.from({ length }, () => random(256)));
  const choices = [
    () => [before, noise(), after], // overwritten
    () => [before, noise(), part, after], // inserted
    () => [before, after], // missing
    () => [before, part, part, after], // twice
    () => [before], // cut
    () => [before, Buffer.alloc(part.length), after], // zeros
    () => [before, Buffer.from(part).map((byte) => byte ^ (1 << random(8))), after],
  ];
  return Uint8Array.from(Buffer.concat(choices[random(choices.length)]!()));
}
