/** The emitter's own cases, the same in every engine: calls as an application makes them. */
import {
  type Clock,
  type Connection,
  enabled,
  type Reader,
  setEnabled,
  Telemetry,
  type TelemetryOptions,
  type Token,
} from "xs-telemetry";
import { equal, ok } from "../support/assert.ts";
import { type PlainRecord, readPacket } from "../support/bytes.ts";
import { type BenchCase, CLIENT_ID, IP, MESSAGE_TYPE, PAYLOADS, RING_BYTES, type Running } from "./case.ts";
import type { EventName, Path } from "./rows.ts";

/** Of a packet of 4 KB: 248 of 16 bytes, or 31 of 128. */
const RECORDS_BYTES = 31 * 128;
const PACKET_BYTES = 96 + RECORDS_BYTES;

interface Subject {
  readonly telemetry: Telemetry;
  readonly connection: Connection;
  readonly token: Token;
  readonly payload: string;
}

interface Call {
  readonly event: EventName;
  readonly payloadChars: number;
  /** Of what it writes. */
  readonly recordType: number;
  /** The subject's members become locals: the cost of an application's own variables is not the emitter's. */
  run(count: number, subject: Subject): void;
}

const receivedToken: Call["run"] = (count, { connection, token }) => {
  for (let turn = 0; turn < count; turn++) connection.received(token);
};
const received: Call["run"] = (count, { connection, token, payload }) => {
  for (let turn = 0; turn < count; turn++) connection.received(token, payload);
};
const sent: Call["run"] = (count, { connection, token, payload }) => {
  for (let turn = 0; turn < count; turn++) connection.sent(token, payload);
};

const CALLS: readonly Call[] = [
  {
    event: "ws.connect",
    payloadChars: 0,
    recordType: 1,
    run(count, { telemetry }) {
      for (let turn = 0; turn < count; turn++) telemetry.connect(CLIENT_ID);
    },
  },
  {
    event: "ws.connect",
    payloadChars: IP.length,
    recordType: 2,
    run(count, { telemetry, payload }) {
      for (let turn = 0; turn < count; turn++) telemetry.connect(CLIENT_ID, payload);
    },
  },
  {
    event: "ws.connected",
    payloadChars: 0,
    recordType: 3,
    run(count, { connection }) {
      for (let turn = 0; turn < count; turn++) connection.connected();
    },
  },
  {
    event: "ws.disconnect",
    payloadChars: 0,
    recordType: 4,
    run(count, { connection }) {
      for (let turn = 0; turn < count; turn++) connection.disconnected();
    },
  },
  { event: "msg.recv", payloadChars: 0, recordType: 5, run: receivedToken },
  { event: "msg.recv", payloadChars: 20, recordType: 6, run: received },
  { event: "msg.recv", payloadChars: 100, recordType: 6, run: received },
  {
    event: "msg.send",
    payloadChars: 0,
    recordType: 7,
    run(count, { connection, token }) {
      for (let turn = 0; turn < count; turn++) connection.sent(token);
    },
  },
  { event: "msg.send", payloadChars: 20, recordType: 8, run: sent },
  { event: "msg.send", payloadChars: 100, recordType: 8, run: sent },
];

/** `path` names the module that xs-telemetry is bound to. Without a clock: the platform's. */
export function emitterCases(path: Path, clock?: Clock): BenchCase[] {
  const subjectOf = (payload: string, capacityBytes = RING_BYTES, limits?: TelemetryOptions["limits"]): Subject => {
    const telemetry = new Telemetry({ capacityBytes, ...(clock && { clock }), ...(limits && { limits }) });
    return { telemetry, connection: telemetry.connect(CLIENT_ID), token: telemetry.messageType(MESSAGE_TYPE), payload };
  };
  const cases = CALLS.map(
    (call): BenchCase => ({
      path,
      event: call.event,
      payloadChars: call.payloadChars,
      start() {
        const subject = subjectOf(call.event === "ws.connect" ? IP : PAYLOADS[call.payloadChars]!);
        return { run: (count) => call.run(count, subject), check: (count) => checkEmitted(call, subject, count) };
      },
    }),
  );
  for (const payloadChars of [0, 100])
    cases.push({
      path,
      event: "drain",
      payloadChars,
      eventsPerTurn: RECORDS_BYTES / recordBytes(payloadChars),
      start: () => startDrain(payloadChars, subjectOf),
    });
  // Messages within the limits: the cost of the limits.
  for (const payloadChars of [0, 20])
    cases.push({
      path,
      event: "limited",
      payloadChars,
      start() {
        const limits = { messagesPerSecond: 1_000_000, burst: 1_000_000 };
        const subject = subjectOf(PAYLOADS[payloadChars]!, RING_BYTES, limits);
        const call = CALLS.find((each) => each.event === "msg.recv" && each.payloadChars === payloadChars)!;
        return { run: (count) => call.run(count, subject), check: (count) => checkEmitted(call, subject, count) };
      },
    });
  cases.push({
    path,
    event: "off",
    payloadChars: 0,
    start: () => startSwitchedOff(subjectOf(""), receivedToken, true),
  });
  if (path === "typescript")
    cases.push({
      path: "disabled",
      event: "msg.recv",
      payloadChars: 0,
      start: () => startSwitchedOff(subjectOf(""), runGuarded, false),
    });
  return cases;
}

/** One reading of the platform's clock, which every call without another clock makes. */
export function clockCase(now: () => number): BenchCase {
  return {
    path: "typescript",
    event: "clock",
    payloadChars: 0,
    start() {
      let last = -1;
      return {
        run(count) {
          const read = now;
          let time = 0;
          for (let turn = 0; turn < count; turn++) time = read();
          last = time;
        },
        check() {
          ok(Number.isInteger(last) && last >= 0, `the clock reads ${last}`);
          return null;
        },
      };
    },
  };
}

function runGuarded(count: number, { connection, token }: Subject): void {
  for (let turn = 0; turn < count; turn++) if (enabled) connection.received(token);
}

function recordBytes(payloadChars: number): number {
  return 16 + Math.ceil(payloadChars / 16) * 16;
}

/** All that is in the ring, or a part of it. */
function drainRecords(reader: Reader): PlainRecord[] {
  const buffer = new Uint8Array(4096);
  const records: PlainRecord[] = [];
  for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) {
    const packet = buffer.slice(0, bytes);
    records.push(...readPacket(packet).records);
  }
  return records;
}

function checkEmitted(
  { event, payloadChars, recordType }: Call,
  { telemetry, token, payload }: Subject,
  count: number,
) {
  const { emitted, invalidArguments, suppressed } = telemetry.counters();
  equal(emitted, count + 1, "emitted"); // one is the connection's
  equal(invalidArguments + suppressed, 0, "invalidArguments + suppressed");
  const reader = telemetry.reader();
  const records = drainRecords(reader);
  const counters = reader.counters();
  equal(counters.overwritten + records.length, emitted, "overwritten + drained");
  const last = records[records.length - 1]!;
  equal(last.type, recordType, "record type");
  equal(last.token, event.startsWith("msg.") ? token : 0, "token");
  equal(last.clientId, CLIENT_ID, "clientId");
  equal(last.connEpoch, event === "ws.connect" ? count : 0, "connEpoch");
  equal(last.text?.length, payloadChars > 0 ? payload.length : undefined, "bytes of text");
  if (last.text) equal(String.fromCharCode(...last.text), payload, "text");
  equal(last.bytes, recordBytes(payloadChars), "bytes of the record");
  return last.bytes;
}

/** Packets of records of one kind, from a ring filled before; its first record and its token packet are drained before, too. */
function startDrain(payloadChars: number, subjectOf: (payload: string, capacityBytes: number) => Subject): Running {
  const buffer = new Uint8Array(PACKET_BYTES);
  const bytes = recordBytes(payloadChars);
  const payload = PAYLOADS[payloadChars];
  let reader: Reader;
  let drained = 0;
  return {
    prepare(count) {
      const { telemetry, connection, token } = subjectOf("", 16 + count * bytes);
      reader = telemetry.reader();
      while (reader.next(buffer) > 0);
      for (let made = 0; made < count; made++) connection.received(token, payload);
    },
    run(count) {
      const into = buffer;
      const from = reader;
      while (from.next(into) > 0); // now and then a packet of tokens, and nothing at the end
      drained += count;
    },
    check(count) {
      equal(drained, count, "drained");
      const { records } = readPacket(buffer);
      equal(records.length, RECORDS_BYTES / bytes, "records of a packet");
      for (const { type } of records) equal(type, payload === undefined ? 5 : 6, "record type");
      const { overwritten, pending } = reader.counters();
      equal(overwritten + pending, 0, "overwritten + pending");
      return bytes;
    },
  };
}

/** Telemetry is off while it runs; on again, the same code records. */
function startSwitchedOff(subject: Subject, run: Call["run"], isCounted: boolean): Running {
  const { telemetry } = subject;
  return {
    run(count) {
      setEnabled(false);
      run(count, subject);
      setEnabled(true);
    },
    check(count) {
      equal(telemetry.counters().emitted, 1, "emitted while off");
      equal(telemetry.counters().suppressed, isCounted ? count : 0, "suppressed");
      run(1, subject);
      equal(telemetry.counters().emitted, 2, "emitted when on again");
      ok(enabled, "telemetry is on again");
      return 0;
    },
  };
}
