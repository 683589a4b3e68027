/** Numbers and rows for people, on a terminal and in Markdown. */
import { RING_BYTES } from "./case.ts";
import type { Figure } from "./figures.ts";
import { ENGINES, type Engine, find, isMachine, type Path, type Row } from "./rows.ts";
import type { Sizes } from "./sizes.ts";

const MESSAGES_PER_SECOND = [1, 10, 100];

const ENGINE_TITLES: Readonly<Record<Engine, string>> = {
  "xs-rv32": "XS 13.3, RV32 as an ESP32-C3, exact counts",
  "xs-xtensa": "XS 13.3, Xtensa LX106, exact counts",
  "xs-host": "XS 13.3, 64 bits, this machine",
  node: "Node, this machine",
};

/** 12,345 · 1,234.5 · 12.3 · 0.9; a dash if it was not measured. */
export function number(value: number | null, decimals = 0): string {
  if (value === null || Number.isNaN(value)) return "–";
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function figureLimit({ bound, limit, unit }: Figure): string {
  return `${bound === "at most" ? "≤" : "≥"} ${limit.toLocaleString("en-US", { maximumFractionDigits: 2 })} ${unit === "times" ? "×" : unit}`;
}

export function figureMeasured({ measured, unit }: Figure): string {
  return Number.isNaN(measured) ? "–" : `${number(measured, unit === "times" ? 2 : 0)}${unit === "times" ? " ×" : ""}`;
}

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One table per engine, for those that were measured. */
export function tablesOf(rows: readonly Row[]): Table[] {
  return ENGINES.flatMap((engine) => {
    const own = rows.filter((row) => row.engine === engine);
    if (own.length === 0) return [];
    const head = ["event", "scene", "characters", "path", isMachine(engine) ? "instructions" : "ns"];
    if (engine !== "node") head.push("allocated bytes");
    head.push("bytes an event");
    return [{ title: ENGINE_TITLES[engine], head, rows: own.map((row) => cellsOf(row)) }];
  });
}

function cellsOf(row: Row): string[] {
  const { engine, path, event, payloadChars, scene, instructions, ns, allocatedBytes, recordBytes } = row;
  const cost = isMachine(engine) ? number(instructions) : number(ns, ns !== null && ns < 100 ? 1 : 0);
  const allocated = engine === "node" ? [] : [number(allocatedBytes)];
  return [event, scene ?? "", number(payloadChars), path, cost, ...allocated, number(recordBytes)];
}

/** By event, then characters; within one, the cheapest first. */
export function sorted(rows: readonly Row[]): Row[] {
  const events = [...new Set(rows.map(({ event }) => event))];
  const cost = ({ instructions, ns }: Row) => instructions ?? ns ?? 0;
  return [...rows].sort(
    (left, right) =>
      ENGINES.indexOf(left.engine) - ENGINES.indexOf(right.engine) ||
      events.indexOf(left.event) - events.indexOf(right.event) ||
      left.payloadChars - right.payloadChars ||
      cost(left) - cost(right),
  );
}

/** Seconds that a full ring covers, at this rate of messages per second. */
export function historyTable(rows: readonly Row[]): Table {
  const bytesOf = (engine: Engine, path: Path, payloadChars: number) =>
    find(rows, { engine, path, event: "msg.recv", payloadChars })?.recordBytes ?? Number.NaN;
  const kept: [string, number][] = [
    ["record without payload", bytesOf("xs-rv32", "typescript", 0)],
    ["record with payload", bytesOf("xs-rv32", "typescript", 100)],
    ["JSON text without payload", bytesOf("xs-rv32", "JSON.stringify", 0)],
    ["JSON text, payload of 100 characters", bytesOf("xs-rv32", "JSON.stringify", 100)],
  ];
  const head = ["msg.recv as", "bytes", ...MESSAGES_PER_SECOND.map((rate) => `s at ${rate}/s`)];
  const cells = kept.map(([what, bytes]) => {
    const seconds = MESSAGES_PER_SECOND.map((rate) => Math.floor(RING_BYTES / bytes) / rate);
    return [what, number(bytes), ...seconds.map((value) => number(value, value < 10 ? 1 : 0))];
  });
  return { title: "Seconds of history in a ring of 16 KB", head, rows: cells };
}

export function sizesTable(sizes: readonly Sizes[]): Table {
  const head = ["path", "bytecode", "natives", "RAM: emitter", "a reader", "a connection"];
  const cells = sizes.map(({ path, bytecodeBytes, nativeBytes, emitterBytes, readerBytes, connectionBytes }) => [
    path,
    ...[bytecodeBytes, nativeBytes, emitterBytes, readerBytes, connectionBytes].map((bytes) => number(bytes)),
  ]);
  return { title: "Code and RAM on the device, bytes", head, rows: cells };
}

export function markdownTable({ head, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const isNumber = (column: number) => rows.every((cells) => /^[\d,.–-]+( ×)?$/.test(cells[column]!));
  const rule = head.map((_, column) => (isNumber(column) ? "---:" : "---"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

/** Columns aligned: numbers to the right. */
export function plainTable({ head, rows }: Table): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((cells) => cells[column]!.length)));
  const isNumber = (column: number) => rows.every((cells) => /^[\d,.–-]+( ×)?$/.test(cells[column]!));
  const right = head.map((_, column) => isNumber(column));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ");
  return [line(head), ...rows.map(line)].map((text) => text.trimEnd());
}
