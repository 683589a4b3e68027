import type { CaseKey } from "./rows.ts";

/** One thing to measure, in any engine. */
export interface BenchCase extends CaseKey {
  /** Events of each turn of the loop, if not 1. */
  readonly eventsPerTurn?: number;
  /** A fresh state. */
  start(): Running | Promise<Running>;
}

export interface Running {
  /** Prepares a run of this many events; not measured. */
  prepare?(count: number): void;
  /** What is measured: this many events, a multiple of eventsPerTurn. */
  run(count: number): void | Promise<void>;
  /** Throws unless exactly `count` events were recorded since the start, and the last one is right. Returns the bytes of one. */
  check(count: number): number | null;
}

/** The ring of the README. It is full when a call is measured, so every call evicts the oldest record. */
export const RING_BYTES = 16_384;

/** Messages as clients send them, by their length. */
export const PAYLOADS: Readonly<Record<number, string>> = Object.freeze({
  20: '{"type":"getStatus"}',
  100: '{"type":"setLights","strip":3,"effect":"rainbow","speed":4,"colors":["#ff0000","#00ff7f"],"on":true}',
});
export const PAYLOAD_LENGTHS: readonly number[] = Object.freeze([0, 20, 100]);

/** What XS gets for comparison, for each length. */
export const XS_BASELINES = Object.freeze(["JSON.stringify", "template", "DataView"] as const);

export const IP = "192.168.0.25";
export const MESSAGE_TYPE = "getStatus";
export const CLIENT_ID = 7;
export const CONN_EPOCH = 3;

/** The event that baselines record, according to the registry; with or without a payload. */
export function messageOf(payload: string | undefined, ts_mono_ms: unknown, eventSeq: number): Record<string, unknown> {
  const event = {
    event: "msg.recv",
    schemaVersion: "1.0.0",
    ts_mono_ms,
    connEpoch: CONN_EPOCH,
    eventSeq,
    clientId: CLIENT_ID,
    msgType: MESSAGE_TYPE,
    result: "ok",
    reason: "",
  };
  return payload === undefined ? event : { ...event, payloadSummary: payload };
}
