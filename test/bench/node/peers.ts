/** Libraries to compare the emitter with in Node: the same msg.recv event, by each package as its own documents advise. */
import { equal } from "node:assert/strict";
import type { LogAttributes } from "@opentelemetry/api-logs";
import { CLIENT_ID, CONN_EPOCH, MESSAGE_TYPE } from "../case.ts";
import type { Baseline } from "../rows.ts";
import type { CountingClock } from "./clock.ts";

/** One way to record an event; each runs in its own process. */
export interface Peer {
  received(payload: string | undefined): void;
  /** For one that passes events on in batches: what ends a batch, measured with it. */
  readonly batch?: { readonly events: number; flush(): Promise<void> };
  /** The last event, and its bytes if any were made. */
  last(): { event: object; bytes: number | null };
}

let nextEventSeq = 0;

/** An event as an object. Two literals: a spread would charge the peers for a copy. */
function eventOf(clock: CountingClock, payload: string | undefined) {
  const ts_mono_ms = clock.now();
  const eventSeq = nextEventSeq++;
  return payload === undefined
    ? {
        event: "msg.recv",
        schemaVersion: "1.0.0",
        ts_mono_ms,
        connEpoch: CONN_EPOCH,
        eventSeq,
        clientId: CLIENT_ID,
        msgType: MESSAGE_TYPE,
        result: "ok",
        reason: "",
      }
    : {
        event: "msg.recv",
        schemaVersion: "1.0.0",
        ts_mono_ms,
        connEpoch: CONN_EPOCH,
        eventSeq,
        clientId: CLIENT_ID,
        msgType: MESSAGE_TYPE,
        result: "ok",
        reason: "",
        payloadSummary: payload,
      };
}

/** To a string, as for a logger: bytes would cost it more. */
function stringify(clock: CountingClock): Peer {
  let text = "";
  return {
    received(payload) {
      text = JSON.stringify(eventOf(clock, payload));
    },
    last: () => ({ event: JSON.parse(text), bytes: Buffer.byteLength(text) }),
  };
}

/** A child logger for the connection, which writes the constant part once; the time from a custom function. */
async function pino(clock: CountingClock): Promise<Peer> {
  const { pino: createLogger } = await import("pino");
  let line = "";
  const stream = {
    write(text: string) {
      line = text;
    },
  };
  const options = { base: { schemaVersion: "1.0.0" }, timestamp: () => `,"ts_mono_ms":${clock.now()}` };
  const logger = createLogger(options, stream).child({ clientId: CLIENT_ID, connEpoch: CONN_EPOCH });
  return {
    received(payload) {
      const eventSeq = nextEventSeq++;
      const msgType = MESSAGE_TYPE;
      if (payload === undefined) logger.info({ event: "msg.recv", eventSeq, msgType, result: "ok", reason: "" });
      else logger.info({ event: "msg.recv", eventSeq, msgType, result: "ok", reason: "", payloadSummary: payload });
    },
    last() {
      const { level, ...event } = JSON.parse(line);
      equal(level, 30, "level");
      return { event, bytes: Buffer.byteLength(line) };
    },
  };
}

async function msgpackr(clock: CountingClock): Promise<Peer> {
  const { Packr } = await import("msgpackr");
  const packr = new Packr({ structures: [] });
  let bytes: Uint8Array = new Uint8Array();
  return {
    received(payload) {
      bytes = packr.pack(eventOf(clock, payload));
    },
    last: () => ({ event: { ...packr.unpack(bytes) }, bytes: bytes.length }),
  };
}

async function cborX(clock: CountingClock): Promise<Peer> {
  const { Encoder } = await import("cbor-x");
  const encoder = new Encoder({ structures: [] });
  let bytes: Uint8Array = new Uint8Array();
  return {
    received(payload) {
      bytes = encoder.encode(eventOf(clock, payload));
    },
    last: () => ({ event: { ...encoder.decode(bytes) }, bytes: bytes.length }),
  };
}

/** In place: into an existing buffer. */
async function avsc(clock: CountingClock): Promise<Peer> {
  const { default: avro } = await import("avsc");
  const text = (name: string) => ({ name, type: "string" });
  const type = avro.Type.forSchema({
    type: "record",
    name: "MsgRecv",
    fields: [
      text("event"),
      text("schemaVersion"),
      { name: "ts_mono_ms", type: "long" },
      { name: "connEpoch", type: "long" },
      { name: "eventSeq", type: "long" },
      { name: "clientId", type: "long" },
      text("msgType"),
      { name: "result", type: { type: "enum", name: "Result", symbols: ["ok", "rejected"] } },
      text("reason"),
      { name: "payloadSummary", type: ["null", "string"], default: null },
    ],
  } as Parameters<typeof avro.Type.forSchema>[0]);
  const buffer = Buffer.alloc(1024);
  let end = 0;
  return {
    received(payload) {
      end = type.encode(eventOf(clock, payload), buffer, 0);
    },
    last() {
      const { payloadSummary, ...event } = type.fromBuffer(buffer.subarray(0, end));
      return { event: payloadSummary === null ? event : { ...event, payloadSummary }, bytes: end };
    },
  };
}

/** Plain objects of the right types, without `create` or `verify`, which its documents make optional. */
async function protobufjs(clock: CountingClock): Promise<Peer> {
  const { default: protobuf } = await import("protobufjs");
  const source = `syntax = "proto3";
    message MsgRecv {
      string event = 1; string schemaVersion = 2; uint32 ts_mono_ms = 3; uint32 connEpoch = 4; uint32 eventSeq = 5;
      uint32 clientId = 6; string msgType = 7; string result = 8; string reason = 9; optional string payloadSummary = 10;
    }`;
  const type = protobuf.parse(source, { keepCase: true }).root.lookupType("MsgRecv");
  let bytes: Uint8Array = new Uint8Array();
  return {
    received(payload) {
      bytes = type.encode(eventOf(clock, payload)).finish();
    },
    // proto3 leaves out an empty string.
    last: () => ({ event: { reason: "", ...type.decode(bytes) }, bytes: bytes.length }),
  };
}

/** In batches, as the SDK advises for production; their receiver does nothing with them. */
async function otelLogs(clock: CountingClock): Promise<Peer> {
  const { SeverityNumber } = await import("@opentelemetry/api-logs");
  const { BatchLogRecordProcessor, LoggerProvider } = await import("@opentelemetry/sdk-logs");
  type Exporter = ConstructorParameters<typeof BatchLogRecordProcessor>[0]["exporter"];
  let last: Parameters<Exporter["export"]>[0][number] | undefined;
  const exporter: Exporter = {
    export(records, done) {
      last = records[records.length - 1];
      done({ code: 0 });
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
  const processor = new BatchLogRecordProcessor({ exporter });
  const options = { schemaUrl: "1.0.0" };
  const logger = new LoggerProvider({ processors: [processor] }).getLogger("xs-telemetry", "", options);
  const emit = (attributes: LogAttributes) =>
    logger.emit({ eventName: "msg.recv", severityNumber: SeverityNumber.INFO, attributes });
  return {
    received(payload) {
      const ts_mono_ms = clock.now();
      const connEpoch = CONN_EPOCH;
      const eventSeq = nextEventSeq++;
      const clientId = CLIENT_ID;
      const msgType = MESSAGE_TYPE;
      const result = "ok";
      const reason = "";
      if (payload === undefined) emit({ ts_mono_ms, connEpoch, eventSeq, clientId, msgType, result, reason });
      else emit({ ts_mono_ms, connEpoch, eventSeq, clientId, msgType, result, reason, payloadSummary: payload });
    },
    // The size of an export; its queue holds four times that and drops the rest.
    batch: { events: 512, flush: () => processor.forceFlush() },
    last() {
      const { eventName, instrumentationScope, attributes } = last!;
      const event = { event: eventName, schemaVersion: instrumentationScope.schemaUrl, ...attributes };
      return { event, bytes: null };
    },
  };
}

export const PEERS: Readonly<Partial<Record<Baseline, (clock: CountingClock) => Peer | Promise<Peer>>>> = {
  "JSON.stringify": stringify,
  pino,
  msgpackr,
  "cbor-x": cborX,
  avsc,
  protobufjs,
  "otel-logs": otelLogs,
};
