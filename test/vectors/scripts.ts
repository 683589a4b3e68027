// Scripts whose packets are kept in wire-format-1-FINGERPRINT.json; in wire-format-1.json, as devices wrote them that had one record
// type for all texts. A script that has vectors never changes; new ones are added at the end, and `node build/vectors.mjs` adds their packets.
import type { Call, Script } from "../support/script.ts";

const drainAll = (count: number, bytes = 1024, on = 0): Call[] =>
  Array.from({ length: count }, () => ({ do: "next", on, bytes }));
const base = { capacityBytes: 4096, policy: "overwrite", bootId: 0x1234_5678_9abc } as const;

export const scripts: Record<string, Script> = {
  "every record type": {
    ...base,
    clock: [71_323],
    calls: [
      { do: "reader" },
      { do: "connect", id: 1, ip: "192.168.0.25" },
      { do: "connected", on: 0 },
      { do: "received", on: 0, type: "getStatus", payload: '{"type":"getStatus"}' },
      { do: "received", on: 0, type: "getStatus" },
      { do: "rejected", on: 0, reason: 1, type: "" },
      { do: "rejected", on: 0, reason: 2, type: "upload", payload: "x" },
      { do: "rejected", on: 0, reason: 3, type: "" },
      { do: "rejected", on: 0, reason: 4, type: "" },
      { do: "sent", on: 0, type: "status", payload: "{}" },
      { do: "sent", on: 0, type: "status" },
      { do: "disconnected", on: 0 },
      { do: "connect", id: 4_294_967_295 },
      ...drainAll(3),
    ],
  },
  texts: {
    ...base,
    clock: [1],
    calls: [
      { do: "connect", id: 2, ip: "fe80::1" },
      ...["", "a\0b", "\ud800x\udc00", "é".repeat(60), `${"a".repeat(99)}€`, `${"a".repeat(97)}😀`, "\u{1f600}"].map(
        (payload): Call => ({ do: "received", on: 0, type: "t", payload }),
      ),
      ...["", "ff", "61c3", "eda080", "f09f9880", "00".repeat(120), "e282ac".repeat(40)].map(
        (hex): Call => ({ do: "sent", on: 0, type: "t", payload: { hex } }),
      ),
      { do: "reader" },
      ...drainAll(4),
    ],
  },
  "overwritten records, packets of the smallest size": {
    ...base,
    capacityBytes: 256,
    clock: [10, 20, 30, 40, 50],
    calls: [
      { do: "reader" },
      { do: "connect", id: 3 },
      ...Array.from({ length: 30 }, (_, index): Call => ({ do: "received", on: 0, type: `type ${index % 3}` })),
      ...drainAll(5, 256),
      { do: "sent", on: 0, type: "", payload: "long" },
      { do: "disconnected", on: 0 },
      ...drainAll(3, 256),
    ],
  },
  "refused events, told by _lost": {
    ...base,
    capacityBytes: 256,
    policy: "discard",
    clock: [5],
    calls: [
      { do: "reader" },
      { do: "connect", id: 3, ip: "::1" },
      ...Array.from({ length: 20 }, (): Call => ({ do: "connected", on: 0 })),
      ...drainAll(1, 256),
      { do: "received", on: 0, type: "a", payload: "b" },
      { do: "received", on: 0, type: "a" },
      ...drainAll(6, 256),
    ],
  },
  "time across 2^31 and 2^32, and a jump": {
    ...base,
    clock: [
      2_147_483_646, 2_147_483_646, 2_147_483_648, 4_294_967_294, 4_294_967_295, 4_294_967_296, 6_000_000_000,
      8_000_000_000, 8_000_000_001,
    ],
    calls: [
      { do: "connect", id: 9 },
      { do: "connected", on: 0 },
      { do: "sent", on: 0, type: "" },
      { do: "sent", on: 0, type: "" },
      { do: "sent", on: 0, type: "" },
      { do: "reader" },
      { do: "next", on: 0, bytes: 256 },
      { do: "next", on: 0, bytes: 256 },
      { do: "disconnected", on: 0 },
      ...drainAll(4),
    ],
  },
  "two readers, one late, tokens again": {
    ...base,
    clock: [1, 2, 3],
    calls: [
      { do: "reader" },
      { do: "connect", id: 1 },
      { do: "received", on: 0, type: "one" },
      ...drainAll(3),
      { do: "received", on: 0, type: "two" },
      { do: "reader" },
      ...drainAll(3),
      ...drainAll(3, 1024, 1),
      { do: "close", on: 0 },
      { do: "enable", value: false },
      { do: "sent", on: 0, type: "three" },
      { do: "enable", value: true },
      { do: "sent", on: 0, type: "three" },
      ...drainAll(1),
      ...drainAll(3, 1024, 1),
    ],
  },
  "texts of each number of slots": {
    ...base,
    clock: [7],
    calls: [
      ...[1, 15, 16, 17, 32, 33, 45, 46].map((bytes): Call => ({ do: "connect", id: bytes, ip: "1".repeat(bytes) })),
      ...[1, 16, 17, 32, 33, 48, 49, 64, 65, 80, 81, 96, 97, 100, 101].flatMap((bytes): Call[] => [
        { do: "received", on: 0, type: "t", payload: "r".repeat(bytes) },
        { do: "sent", on: 7, type: "t", payload: { hex: "73".repeat(bytes) } },
        { do: "rejected", on: 1, reason: 2, type: "", payload: `${"x".repeat(bytes)}é` },
      ]),
      { do: "reader" },
      ...drainAll(6),
    ],
  },
  "close codes": {
    ...base,
    clock: [3],
    calls: [
      ...[0, 1000, 1006, 4999, 32_768, 65_535].flatMap((code, on): Call[] => [
        { do: "connect", id: on },
        { do: "received", on, type: "t" },
        { do: "disconnected", on, code },
      ]),
      { do: "disconnected", on: 0, code: -1 },
      { do: "disconnected", on: 0, code: 65_536 },
      { do: "disconnected", on: 0, code: 1000.5 },
      { do: "disconnected", on: 0 },
      { do: "reader" },
      ...drainAll(3),
    ],
  },
  "messages over the limits, told by _suppressed": {
    ...base,
    limits: { messagesPerSecond: 3, burst: 2 },
    clock: [1, 1, 1, 1, 1, 1, 1, 200, 200, 340, 340, 341, 341, 5000],
    calls: [
      { do: "connect", id: 1 },
      ...[1, 2, 3, 4].map((): Call => ({ do: "received", on: 0, type: "t" })),
      { do: "sent", on: 0, type: "t", payload: "x" },
      { do: "rejected", on: 0, reason: 1, type: "t" },
      { do: "sent", on: 0, type: "t", payload: "x" },
      { do: "received", on: 0, type: "t", payload: "y" },
      { do: "received", on: 0, type: "t" },
      { do: "reader" },
      ...drainAll(3),
      ...[1, 2, 3, 4].map((): Call => ({ do: "sent", on: 0, type: "t" })),
      { do: "disconnected", on: 0, code: 1008 },
      ...drainAll(2),
    ],
  },
};
