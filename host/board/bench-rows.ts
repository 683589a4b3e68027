/**
 * What a board prints while it runs examples/benchmark: rows in the form of `npm run bench -- --json`, among other log
 * lines.
 */
import { readFileSync } from "node:fs";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { ioError } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { describe } from "../validate/tables.ts";

/** One event's cost in one engine; null where it was not measured. */
export interface BenchRow {
  readonly engine: string;
  readonly path: string;
  readonly event: string;
  readonly payloadChars: number;
  /** For the event `server`: what the messages are; null for all others. */
  readonly scene: string | null;
  readonly instructions: number | null;
  readonly ns: number | null;
  readonly allocatedBytes: number | null;
  readonly recordBytes: number | null;
}

/** What a line was: a line of a run, or an unrelated one; or wrong. */
export type BenchLine =
  | { readonly kind: "begin"; readonly engine: string; readonly path: string; readonly cases: number }
  | { readonly kind: "row"; readonly row: BenchRow }
  | { readonly kind: "end"; readonly rows: number }
  | { readonly kind: "other" }
  | { readonly kind: "problem"; readonly problem: Problem };

const TEXTS = ["engine", "path", "event"] as const;
const COSTS = ["instructions", "ns", "allocatedBytes", "recordBytes"] as const;
const MAX_TEXT_CHARACTERS = 40;
/** Text at the start of each benchmark line, after any log prefix. */
const BEGINNING = /\{"(?:engine|bench)":/;

const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0;
const isText = (value: unknown) => typeof value === "string" && value !== "" && value.length <= MAX_TEXT_CHARACTERS;

/** Returns what is wrong with a row, "" if nothing is. */
function faultOf(row: Readonly<Record<string, unknown>>): string {
  for (const name of TEXTS)
    if (!isText(row[name]))
      return `${name} is ${show(row[name])}, expected a text of 1 to ${MAX_TEXT_CHARACTERS} characters`;
  if (!isCount(row.payloadChars)) return `payloadChars is ${show(row.payloadChars)}, expected a number of characters`;
  if (row.scene !== undefined && row.scene !== null && !isText(row.scene))
    return `scene is ${show(row.scene)}, expected a text of 1 to ${MAX_TEXT_CHARACTERS} characters, or null`;
  for (const name of COSTS)
    if (row[name] !== null && !(typeof row[name] === "number" && Number.isFinite(row[name])))
      return `${name} is ${show(row[name])}, expected a number or null`;
  return "";
}

function show(value: unknown): string {
  return value === undefined ? "missing" : describe(value);
}

/** A text as it is, without quotes. */
function plain(value: unknown): string {
  return typeof value === "string" ? visible(value) : show(value);
}

function problem(code: string, message: string): BenchLine {
  return { kind: "problem", problem: { code, message } };
}

/** Reads one line of a log, without its end. Never throws. */
export function readBenchLine(line: string): BenchLine {
  const at = line.search(BEGINNING);
  if (at < 0) return { kind: "other" };
  const text = line.slice(at, line.lastIndexOf("}") + 1);
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text);
  } catch {
    return problem("E_JSON", `not JSON; other text may have got in between: ${visible(line.slice(at, at + 80))}`);
  }
  const { bench, engine, path } = value;
  if (bench === undefined) {
    const fault = faultOf(value);
    return fault === "" ? { kind: "row", row: rowOf(value) } : problem("E_ROW", fault);
  }
  if (bench === "begin" && isText(engine) && isText(path) && isCount(value.cases))
    return { kind: "begin", engine: engine as string, path: path as string, cases: value.cases as number };
  if (bench === "end" && isCount(value.rows)) return { kind: "end", rows: value.rows as number };
  if (bench === "failed")
    return problem("E_CASE", `${caseName(value)} failed on the board: ${plain(value.message).slice(0, 200)}`);
  return problem("E_ROW", `bench is ${show(bench)}, expected begin, end or failed, with the fields of each`);
}

/** Only its known members, in their order. Boards from before there were scenes have none. */
function rowOf(value: Readonly<Record<string, unknown>>): BenchRow {
  const { engine, path, event, payloadChars, scene = null, instructions, ns, allocatedBytes, recordBytes } = value;
  return { engine, path, event, payloadChars, scene, instructions, ns, allocatedBytes, recordBytes } as BenchRow;
}

function caseName({ path, event, payloadChars }: Readonly<Record<string, unknown>>): string {
  return `${plain(path)} ${plain(event)}, ${plain(payloadChars)} characters`.slice(0, 100);
}

/** Two rows of different engines are of the same case if this is equal. */
export function caseKey({ path, event, payloadChars, scene }: BenchRow): string {
  return `${path} ${event} ${payloadChars} ${scene}`;
}

/**
 * Reads the output of `npm run --silent bench -- --json`. Throws TelemetryError: exit code 2 if the file cannot be
 * read, 1 with E_JSON or E_ROW if its content is wrong.
 */
export function readBenchFile(path: string): BenchRow[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw ioError(path, error);
  }
  let rows: unknown;
  try {
    rows = JSON.parse(text).rows;
  } catch (error) {
    throw new TelemetryError("E_JSON", `${visible(path)} is not JSON: ${visible((error as Error).message)}`, 1);
  }
  const wayOut = "write it with: npm run --silent bench -- xs-rv32 --json > rv32.json, or xs-xtensa";
  if (!Array.isArray(rows) || rows.length === 0)
    throw new TelemetryError("E_ROW", `${visible(path)} has no rows; ${wayOut}`, 1);
  for (const [index, row] of rows.entries()) {
    const fault = row === null || typeof row !== "object" ? "is not an object" : faultOf(row);
    if (fault !== "") throw new TelemetryError("E_ROW", `${visible(path)}, row ${index}: ${fault}; ${wayOut}`, 1);
  }
  return rows.map(rowOf);
}
