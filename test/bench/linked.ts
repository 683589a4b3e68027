/**
 * Measurements made by hand in an image from Moddable's linker, on the engine of a current SDK: test/bench/linked.json. The benchmarks cannot measure
 * it, because the SDK is not a package; so it is kept apart from their rows, with its date.
 */
import { readFileSync } from "node:fs";
import { type Figure, figuresOf } from "./figures.ts";
import { number, type Table } from "./format.ts";
import type { CaseKey } from "./rows.ts";

export const LINKED_FILE = "test/bench/linked.json";

export interface LinkedRow extends CaseKey {
  readonly instructions: number;
  readonly allocatedBytes: number;
  readonly recordBytes: number | null;
}

export interface Linked {
  readonly engine: string;
  readonly sdk: string;
  /** Year, month and day. */
  readonly date: string;
  readonly compiler: string;
  /** How it was measured, with public tools. */
  readonly how: readonly string[];
  readonly rows: readonly LinkedRow[];
  /** Bytes of RAM; an emitter's without its ring and its empty table of message types. */
  readonly ram: readonly {
    readonly path: CaseKey["path"];
    readonly emitterBytes: number;
    readonly readerBytes: number;
    readonly connectionBytes: number;
  }[];
  /** Instructions of single operations, on both engines. */
  readonly operations: readonly { readonly what: string; readonly xs13: number; readonly xs17: number }[];
  /** Instructions of a message received and answered through the adapter, above the server without it, in the machine of build/rv32 with either engine's sources. */
  readonly server: readonly {
    readonly scene: string;
    readonly payloadChars: number;
    readonly path: CaseKey["path"];
    readonly xs13: number;
    readonly xs17: number;
  }[];
}

export function readLinked(): Linked {
  return JSON.parse(readFileSync(LINKED_FILE, "utf8"));
}

/** What it is and when it was measured: printed wherever one of its figures is. */
export function linkedSource({ engine, sdk, date }: Linked): string {
  return `${engine}, in an image linked by ${sdk}, measured by hand on ${date}`;
}

export function linkedRow({ rows }: Linked, path: CaseKey["path"], payloadChars: number): LinkedRow {
  const row = rows.find(
    (each) => each.path === path && each.event === "msg.recv" && each.payloadChars === payloadChars,
  );
  if (!row) throw new Error(`${LINKED_FILE}: no msg.recv of ${path} with ${payloadChars} characters`);
  return row;
}

/** The goals that apply to the device's engine: code is not measured here, nor anything in Node. */
export function linkedFigures({ rows, ram }: Linked): Figure[] {
  const asMeasured = rows.map((row) => ({ engine: "xs-rv32" as const, ns: null, ...row }));
  const sizes = ram.flatMap(({ path, ...bytes }) =>
    path === "native" ? [{ path, ...bytes, bytecodeBytes: Number.NaN, nativeBytes: Number.NaN }] : [],
  );
  return figuresOf(asMeasured, sizes).filter(({ measured }) => !Number.isNaN(measured));
}

/** By event, then characters; within one, the cheapest first. */
export function linkedTable({ rows }: Linked): Table {
  const events = [...new Set(rows.map(({ event }) => event))];
  const sorted = [...rows].sort(
    (left, right) =>
      events.indexOf(left.event) - events.indexOf(right.event) ||
      left.payloadChars - right.payloadChars ||
      left.instructions - right.instructions,
  );
  const cells = sorted.map(({ event, scene, payloadChars, path, instructions, allocatedBytes, recordBytes }) => [
    event,
    scene ?? "",
    number(payloadChars),
    path,
    number(instructions),
    number(allocatedBytes),
    number(recordBytes),
  ]);
  const head = ["event", "scene", "characters", "path", "instructions", "allocated bytes", "bytes an event"];
  return { title: "", head, rows: cells };
}

export function linkedRamTable({ ram }: Linked): Table {
  const cells = ram.map(({ path, emitterBytes, readerBytes, connectionBytes }) => [
    path,
    ...[emitterBytes, readerBytes, connectionBytes].map((bytes) => number(bytes)),
  ]);
  return { title: "", head: ["path", "RAM: emitter", "a reader", "a connection"], rows: cells };
}

export function linkedOperationsTable({ operations }: Linked): Table {
  const cells = operations.map(({ what, xs13, xs17 }) => [what, number(xs13), number(xs17)]);
  return { title: "", head: ["operation, instructions", "XS 13.3", "XS 17.3"], rows: cells };
}

/** The adapter's cost on both engines: nothing is tuned for one at the expense of the other. */
export function linkedServerTable({ server }: Linked): Table {
  const cells = server.map(({ scene, payloadChars, path, xs13, xs17 }) => [
    scene,
    number(payloadChars),
    path,
    number(xs13),
    number(xs17),
    `${Math.round((xs17 / xs13 - 1) * 100)} %`,
  ]);
  return { title: "", head: ["scene", "characters", "path", "XS 13.3", "XS 17.3", "more"], rows: cells };
}
