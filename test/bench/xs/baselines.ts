/** What the emitter is compared with in XS: the same msg.recv event as bytes, by the means available there. */
import TextEncoder from "text/encoder";
import Time from "time";
import { deepEqual, equal } from "../../support/assert.ts";
import {
  type BenchCase,
  CLIENT_ID,
  CONN_EPOCH,
  MESSAGE_TYPE,
  messageOf,
  PAYLOAD_LENGTHS,
  PAYLOADS,
  RING_BYTES,
  XS_BASELINES,
} from "../case.ts";
import { DataViewRecorder } from "../dataview.ts";

/** Moddable's own, and the shortest way from a string to bytes. */
const bytesOf = ArrayBuffer as ArrayBufferConstructor & { fromString(text: string): ArrayBuffer };
const textOf = String as StringConstructor & { fromArrayBuffer(bytes: ArrayBuffer): string };

/** One event with these attributes; the others have their usual values. */
type ToBytes = (eventSeq: number, clientId: number, msgType: string, payload: string | undefined) => ArrayBuffer;

const stringify: ToBytes = (eventSeq, clientId, msgType, payload) => {
  const event: Record<string, unknown> = {
    event: "msg.recv",
    schemaVersion: "1.0.0",
    ts_mono_ms: Time.ticks,
    connEpoch: CONN_EPOCH,
    eventSeq,
    clientId,
    msgType,
    result: "ok",
    reason: "",
  };
  if (payload !== undefined) event.payloadSummary = payload;
  return bytesOf.fromString(JSON.stringify(event));
};

const template: ToBytes = (eventSeq, clientId, msgType, payload) => {
  // A payload contains quotes, and possibly anything: only JSON.stringify can escape it.
  const summary = payload === undefined ? "" : `,"payloadSummary":${JSON.stringify(payload)}`;
  return bytesOf.fromString(
    `{"event":"msg.recv","schemaVersion":"1.0.0","ts_mono_ms":${Time.ticks},"connEpoch":${CONN_EPOCH},"eventSeq":${eventSeq},"clientId":${clientId},"msgType":"${msgType}","result":"ok","reason":""${summary}}`,
  );
};

function textCase(path: "JSON.stringify" | "template", toBytes: ToBytes, payloadChars: number): BenchCase {
  const payload = PAYLOADS[payloadChars];
  return {
    path,
    event: "msg.recv",
    payloadChars,
    start() {
      let eventSeq = 0;
      let last = new ArrayBuffer(0);
      return {
        run(count) {
          const text = payload;
          let sequence = eventSeq;
          let bytes = last;
          for (let turn = 0; turn < count; turn++) bytes = toBytes(sequence++, CLIENT_ID, MESSAGE_TYPE, text);
          last = bytes;
          eventSeq = sequence;
        },
        check(count) {
          equal(eventSeq, count, "events");
          const event = JSON.parse(textOf.fromArrayBuffer(last)) as Record<string, unknown>;
          equal(typeof event.ts_mono_ms, "number", "ts_mono_ms");
          deepEqual(event, messageOf(payload, event.ts_mono_ms, count - 1), path);
          return last.byteLength;
        },
      };
    },
  };
}

function dataViewCase(payloadChars: number): BenchCase {
  const payload = PAYLOADS[payloadChars];
  return {
    path: "DataView",
    event: "msg.recv",
    payloadChars,
    start() {
      const recorder = new DataViewRecorder(RING_BYTES, new TextEncoder(), () => Time.ticks);
      return {
        run(count) {
          const to = recorder;
          const text = payload;
          for (let turn = 0; turn < count; turn++) to.received(CLIENT_ID, 1, text);
        },
        check: (count) => recorder.check(payload, count),
      };
    },
  };
}

export function baselineCases(): BenchCase[] {
  const caseOf = (path: (typeof XS_BASELINES)[number], length: number): BenchCase => {
    if (path === "DataView") return dataViewCase(length);
    return textCase(path, path === "template" ? template : stringify, length);
  };
  return PAYLOAD_LENGTHS.flatMap((length) => XS_BASELINES.map((path) => caseOf(path, length)));
}
