/**
 * Finds telemetry in a raw serial log. A log line is telemetry if its text from the first `{`, without colours and
 * carriage returns, has a key `event`, registered or not: checking events is the work of validate.
 *
 * If the lines of a log are wrapped in JSON, as by Docker and journald, the inner line counts.
 *
 * Only the first `{` counts. A later one may begin a payload, which comes from the network: a line cut before it would
 * look like an event that never happened.
 */
import type { Problem } from "./errors.ts";
import { type FaultyLine, LineSplitter, MAX_LINE_BYTES, visible } from "./lines.ts";
import { WrappedLines } from "./wrapped-line.ts";

export type Extracted =
  /** A telemetry line that is a JSON object; `text` as in the log, without colours and carriage returns. */
  | { readonly kind: "event"; readonly text: string; readonly line: number; readonly offsetBytes: number }
  /** An invalid telemetry line: `E_JSON`, `E_UTF8`, `E_LINE_LENGTH`. `offsetBytes` is that of its first `{`. */
  | { readonly kind: "broken"; readonly problem: Problem }
  /** A line too long to read, with no sign of telemetry in its first MiB: `W_LINE_LENGTH`. */
  | { readonly kind: "skipped"; readonly problem: Problem };

/** Colours, and the erase-line sequence that tools write beside them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const COLOURS_AND_RETURNS = /\x1b\[[0-9;:]*[mK]|\r/g;
const EVENT_KEY = /"event"[ \t]*:/;
const OPENING_BRACE = 0x7b;
const EXCERPT_BEFORE = 30;
const EXCERPT_CHARS = 80;

/**
 * Returns the telemetry lines of a log, in its order. Fails only if the source fails. Memory: one line and the results
 * of one chunk.
 *
 *     for await (const found of extract(createReadStream("serial.log"))) if (found.kind === "event") use(found.text);
 */
export async function* extract(log: AsyncIterable<Uint8Array>): AsyncGenerator<Extracted, void, void> {
  let found: Extracted[] = [];
  const add = (extracted: Extracted | undefined) => {
    if (extracted !== undefined) found.push(extracted);
  };
  const wrapped = new WrappedLines();
  const splitter = new LineSplitter({
    line: (text, number, offsetBytes) => add(extractLine(text, number, offsetBytes, wrapped)),
    fault: (line) => add(extractFaultyLine(line)),
  });
  for await (const chunk of log) {
    splitter.push(chunk);
    if (found.length === 0) continue;
    yield* found;
    found = [];
  }
  splitter.end();
  yield* found;
}

/**
 * What a line of a log is; undefined if it is not telemetry. `wrapped`: the state of the log, if its lines may be
 * wrapped.
 */
export function extractLine(
  logged: string,
  line: number,
  offsetBytes: number,
  wrapped?: WrappedLines,
): Extracted | undefined {
  const start = logged.indexOf("{");
  if (start < 0) return undefined;
  const text = logged.slice(start).replace(COLOURS_AND_RETURNS, "");
  // A piece of an inner line, or its bytes as numbers, may lack it.
  const mayWrap = wrapped !== undefined && (text.startsWith('{"log":') || text.includes('"MESSAGE":['));
  if (!mayHaveEventKey(text) && !mayWrap) return undefined;
  const at = () => offsetBytes + Buffer.byteLength(logged.slice(0, start));
  try {
    const value: unknown = JSON.parse(text);
    // Text that begins with a brace is an object if it is JSON.
    if (Object.hasOwn(value as object, "event")) return { kind: "event", text, line, offsetBytes: at() };
    const inner = wrapped?.next(value as object);
    return inner ? extractLine(inner, line, offsetBytes) : undefined;
  } catch (error) {
    if (!EVENT_KEY.test(text)) return undefined;
    const said = (error as Error).message;
    return broken("E_JSON", `not JSON: ${visible(said)}: ${excerpt(text, positionIn(said))}`, line, at());
  }
}

function extractFaultyLine({ fault, number, offsetBytes, lengthBytes, bytes }: FaultyLine): Extracted | undefined {
  const start = bytes.indexOf(OPENING_BRACE);
  if (fault === "not-utf-8") {
    if (start < 0) return undefined;
    // Before the brace there may be garbage from a boot loader: only the rest must be text.
    const rest = bytes.subarray(start);
    try {
      return extractLine(new TextDecoder("utf-8", { fatal: true }).decode(rest), number, offsetBytes + start);
    } catch {
      const text = latin1(rest);
      if (!EVENT_KEY.test(text)) return undefined;
      return broken("E_UTF8", `not UTF-8: ${excerpt(text, text.search(/[\x80-\xff]/))}`, number, offsetBytes + start);
    }
  }
  const text = start < 0 ? "" : latin1(bytes.subarray(start));
  const message = `${lengthBytes} bytes long, expected at most ${MAX_LINE_BYTES}: ${excerpt(text || latin1(bytes), 0)}`;
  if (EVENT_KEY.test(text)) return broken("E_LINE_LENGTH", message, number, offsetBytes + start);
  return { kind: "skipped", problem: { code: "W_LINE_LENGTH", message, line: number, offsetBytes } };
}

/** Cheap, and never wrong if false: spares JSON.parse most of a log. */
function mayHaveEventKey(text: string): boolean {
  return text.includes("event") || text.includes("\\u");
}

function broken(code: string, message: string, line: number, offsetBytes: number): Extracted {
  return { kind: "broken", problem: { code, message, line, offsetBytes } };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString("latin1")
    .replace(COLOURS_AND_RETURNS, "");
}

/** Where JSON.parse says that it failed; 0 if it does not say. */
function positionIn(message: string): number {
  return Number(/at position (\d+)/.exec(message)?.[1] ?? 0);
}

function excerpt(text: string, position: number): string {
  const start = Math.max(0, Math.min(position - EXCERPT_BEFORE, text.length - EXCERPT_CHARS));
  const end = start + EXCERPT_CHARS;
  return `${start > 0 ? "…" : ""}${visible(text.slice(start, end))}${end < text.length ? "…" : ""}`;
}
