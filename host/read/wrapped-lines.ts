/** Logs whose lines wrap others in JSON, as Docker's and journald's: back to the inner lines. */
import { extractLine } from "../text/extract.ts";
import { LineSplitter } from "../text/lines.ts";

type Source = AsyncIterable<Uint8Array>;

/** A line in pieces is put together up to this; Docker cuts at 16 KB. */
const MOST_LINE_CHARS = 1 << 20;

/**
 * JSON lines as they are; of those that wrap others, the telemetry of the inner lines, a blank line for each without, so that lines keep
 * their numbers. Decided by the first line. Fails as the source fails. Memory: a line, and what a chunk gives.
 */
export async function* unwrapped(source: Source): AsyncGenerator<Uint8Array, void, void> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { done, value } = await chunks.next();
    if (done) break;
    head = head.length === 0 ? Buffer.from(value) : Buffer.concat([head, value]);
    end = head.indexOf("\n", Math.max(0, head.length - value.length));
    if (head.length > MOST_LINE_CHARS) break;
  }
  async function* all(): AsyncGenerator<Uint8Array, void, void> {
    yield head;
    for (;;) {
      const { done, value } = await chunks.next();
      if (done) return;
      yield value;
    }
  }
  const first = head.subarray(0, end < 0 ? head.length : end).toString();
  if (innerText(first) === undefined) yield* all();
  else yield* innerLines(all());
}

async function* innerLines(source: Source): AsyncGenerator<Uint8Array, void, void> {
  let found = "";
  let begun = "";
  const splitter = new LineSplitter({
    line(text) {
      const inner = innerText(text) ?? "";
      begun += inner;
      // Docker cuts a long line into several, all but the last without its end.
      const isPart = inner !== "" && !inner.endsWith("\n") && isDocker(text) && begun.length < MOST_LINE_CHARS;
      if (!isPart) {
        const extracted = extractLine(begun.replace(/\r?\n$/, ""), 1, 0);
        begun = "";
        if (extracted?.kind === "event") found += extracted.text;
        // What is broken is for whoever reads the lines to name.
        if (extracted?.kind === "broken") found += text;
      }
      found += "\n";
    },
    fault: () => {
      found += "\n";
    },
  });
  for await (const chunk of source) {
    splitter.push(chunk);
    if (found === "") continue;
    yield Buffer.from(found);
    found = "";
  }
  splitter.end();
  if (found !== "") yield Buffer.from(found);
}

/** The line that a line of JSON wraps: Docker's `log`, journald's `MESSAGE`; undefined if it wraps none. */
function innerText(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Object.hasOwn(value, "event")) return undefined;
  const { log, MESSAGE: message, stream } = value as Readonly<Record<string, unknown>>;
  if (typeof log === "string" && typeof stream === "string") return log;
  if (typeof message === "string") return message;
  // What is no UTF-8, or too long, journald has as bytes.
  return Array.isArray(message) ? Buffer.from(message.map(Number)).toString() : undefined;
}

function isDocker(text: string): boolean {
  return text.includes('"log":');
}
