/** The results of a benchmark: one row per case and engine, all measured in one run. */

/** Emulated processors: they count instructions, and have a device's 32 bits. */
export const MACHINES = ["xs-rv32", "xs-xtensa"] as const;
export type MachineName = (typeof MACHINES)[number];

export const ENGINES = [...MACHINES, "xs-host", "node"] as const;
export type Engine = (typeof ENGINES)[number];

export function isMachine(engine: Engine): engine is MachineName {
  return (MACHINES as readonly Engine[]).includes(engine);
}

/** The emitter's implementations, telemetry switched off at the call site, or a library for comparison. */
export type Path = "typescript" | "native" | "disabled" | "validate" | Baseline;
export type Baseline =
  | "JSON.stringify"
  | "template"
  | "DataView"
  | "pino"
  | "msgpackr"
  | "cbor-x"
  | "avsc"
  | "protobufjs"
  | "otel-logs"
  | "babeltrace2"
  | "python"
  | "JSON.parse";

/**
 * The registry's names, and: `drain`, one record into a packet; `decode`, one record into a line of JSON; `validate`, such a line checked;
 * `server`, a message that a WebSocket server receives and answers, recorded by its adapter, or in `disabled` without one, in the scenes of
 * scenes.ts; in Node, processor time of a real server; `traffic`, an event in the mean of a whole traffic, those of traffic.ts being its scenes; `off`, a call made while telemetry is off; `clock`, one reading of the platform's clock.
 */
export type EventName =
  | "ws.connect"
  | "ws.connected"
  | "ws.disconnect"
  | "msg.recv"
  | "msg.send"
  | "drain"
  | "decode"
  | "validate"
  | "server"
  | "traffic"
  | "off"
  | "limited"
  | "clock";

/** Reports the progress of a measurement: a line for people. */
export type Say = (line: string) => void;

/** What is measured. */
export interface CaseKey {
  readonly path: Path;
  readonly event: EventName;
  /** Characters of the payload, or of ws.connect's ip. */
  readonly payloadChars: number;
  /** For the event `server`: what the messages are; for `traffic`: which one; null for all others. */
  readonly scene?: string | null;
}

/** What distinguishes a row from all others. */
export interface RowKey extends CaseKey {
  readonly engine: Engine;
}

/** One event's cost; null where the engine does not measure it. */
export interface Row extends RowKey {
  readonly instructions: number | null;
  readonly ns: number | null;
  readonly allocatedBytes: number | null;
  /** Bytes that one event takes where it is kept. */
  readonly recordBytes: number | null;
}

export function sameCase(left: CaseKey, right: CaseKey): boolean {
  return (
    left.path === right.path &&
    left.event === right.event &&
    left.payloadChars === right.payloadChars &&
    (left.scene ?? null) === (right.scene ?? null)
  );
}

export function find(rows: readonly Row[], key: RowKey): Row | undefined {
  return rows.find((row) => row.engine === key.engine && sameCase(row, key));
}

/** "native msg.recv, 20 characters", "native server, four-types". */
export function nameOf({ path, event, payloadChars, scene }: CaseKey): string {
  const what = scene ?? (payloadChars > 0 ? `${payloadChars} characters` : "");
  return `${path} ${event}${what === "" ? "" : `, ${what}`}`;
}

/** A row as it is printed: all its members, in their order. */
export function printed({ engine, path, event, payloadChars, scene = null, ...figures }: Row): Row {
  const { instructions, ns, allocatedBytes, recordBytes } = figures;
  return { engine, path, event, payloadChars, scene, instructions, ns, allocatedBytes, recordBytes };
}
