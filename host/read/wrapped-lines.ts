/** Logs with lines wrapped in JSON, as Docker and journald write them: restores the inner lines. */
import { extractLine } from "../text/extract.ts";
import { LineSplitter } from "../text/lines.ts";
import { WrappedLines } from "../text/wrapped-line.ts";

type Source = AsyncIterable<Uint8Array>;

/** A longer first line wraps none. */
const MOST_LINE_CHARS = 1 << 20;

/**
 * Returns JSON lines as they are. If they wrap others, returns the telemetry of the inner lines, and a blank line for
 * each one without, so that line numbers stay. The first line decides. Fails if the source fails. Memory: a line, and
 * what a chunk gives.
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
  if (innerLine(first, new WrappedLines()) === undefined) yield* all();
  else yield* innerLines(all());
}

async function* innerLines(source: Source): AsyncGenerator<Uint8Array, void, void> {
  let found = "";
  const wrapped = new WrappedLines();
  const splitter = new LineSplitter({
    line(text) {
      const inner = innerLine(text, wrapped);
      const extracted = inner ? extractLine(inner, 1, 0) : undefined;
      if (extracted?.kind === "event") found += extracted.text;
      // Broken lines are reported by the reader of the lines.
      if (extracted?.kind === "broken") found += text;
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

/** The line that a line of JSON wraps; "" if more of it follows, undefined if it wraps none. */
function innerLine(text: string, wrapped: WrappedLines): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isPlain = typeof value !== "object" || value === null || Object.hasOwn(value, "event");
  return isPlain ? undefined : wrapped.next(value as object);
}
