/** A recording as one page of HTML, written as a stream. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createGzip, type Gzip, gzipSync } from "node:zlib";
import { script, style } from "#view-page";
import { type ReadEvent, type ReadItem, type ReadOptions, readEvents } from "../read/events.ts";
import { goodPart } from "../read/good-part.ts";
import type { Recording } from "../read/recording.ts";
import type { Problem } from "../text/errors.ts";
import { visible } from "../text/visible.ts";
import { EventColumns, type ViewFilter } from "./event-columns.ts";
import { absent, ViewSink } from "./view-sink.ts";

export interface PageOptions extends ReadOptions, ViewFilter {
  /** The title of the page. */
  readonly title: string;
  readonly onProblem?: (problem: Problem) => void;
  readonly onProgress?: (events: number) => void;
}

export interface PageWritten {
  readonly events: number;
  /** Events that the options left out. */
  readonly leftOut: number;
}

/** This much of the page waits for its consumer. */
const MOST_WAITING_BYTES = 4 << 20;

/**
 * Writes a page that shows a recording: HTML, in pieces, which needs nothing else. `write` may return a promise, which
 * is awaited. Fails as the recording's items do, as `write` does, and with TelemetryError E_TOO_MANY (exit code 2)
 * beyond 2 million events. Memory: a block of events; for all of them, their boots, gaps and different words.
 */
export async function writePage(
  recording: Recording,
  options: PageOptions,
  write: (text: string) => unknown,
): Promise<PageWritten> {
  const { title, onProblem, onProgress } = options;
  const problems: Record<string, number> = {};
  const gzip = createGzip({ level: 6, chunkSize: 256 << 10 });
  const columns = new EventColumns(options, (block) => gzip.write(block));
  const told = (problem: Problem) => {
    problems[problem.code] = (problems[problem.code] ?? 0) + 1;
    onProblem?.(problem);
  };
  await write(head(title));
  const written = writeBase64(gzip, write);
  // Whoever awaits it gets the error; before that nobody does.
  written.catch(() => {});
  const meta = (async () => {
    for await (const _ of pieces(recording, options, columns, told)) {
      onProgress?.(columns.events);
      if (gzip.writableLength > MOST_WAITING_BYTES) await Promise.race([drained(gzip), written]);
    }
    return columns.end(title, problems);
  })();
  try {
    const last = await meta;
    gzip.end();
    await written;
    await write(`</script>\n<script type="application/octet-stream" id="meta">`);
    await write(gzipSync(JSON.stringify(last)).toString("base64"));
    await write(`</script>\n<script>${script}</script>\n</body>\n</html>\n`);
  } catch (error) {
    gzip.destroy();
    throw error;
  }
  return { events: columns.events, leftOut: columns.leftOut };
}

/** Reads the recording into columns; yields a sign now and then. */
async function* pieces(
  recording: Recording,
  options: PageOptions,
  columns: EventColumns,
  onProblem: (problem: Problem) => void,
): AsyncGenerator<void, void, void> {
  const { registry } = options;
  const ofDamage = (problem: Problem) => ({ kind: "problem", problem }) as const;
  if (recording.form === "lines") {
    const source = goodPart<ReadItem[]>(readEvents(recording, options), (problem) => [ofDamage(problem)]);
    for await (const items of source) {
      for (const item of items)
        if (item.kind === "event") addLine(columns, item);
        else if (item.kind === "problem") onProblem(item.problem);
      yield;
    }
    return;
  }
  const output = recording.items({
    registry,
    output: (records, timeOf) => new ViewSink(columns, registry, records, timeOf),
  });
  for await (const item of goodPart(output, ofDamage))
    if (item.kind === "problem") onProblem(item.problem);
    else yield;
}

function addLine(columns: EventColumns, { place, event, registry, deviceMs, wall }: ReadEvent): void {
  const boot = columns.boot(place);
  const { kinds, nameKey, sequenceKey } = columns.linesOf(registry);
  const kind = kinds.get(String(event[nameKey]))!; // readEvents has no other events
  // An event without a time is placed where the previous one is.
  const ms = Number.isFinite(deviceMs) ? deviceMs : boot.lastMs;
  if (wall !== undefined) columns.wall(boot, ms, wall.unixMs, wall.uncertaintyMs);
  const eventSeq = event[sequenceKey];
  const number = typeof eventSeq === "number" && Number.isSafeInteger(eventSeq) ? eventSeq : -1;
  if (!columns.event(boot, kind, ms, number, wall?.unixMs ?? Number.NaN)) return;
  for (const to of kind.columns) {
    const value = event[to.page.key];
    const { type } = to.page;
    if (value === undefined || value === null) absent(to);
    else if (type === "double") to.column.double(Number(value));
    else if (type === "int") {
      if (!(Number(value) >= 0 && Number(value) < 2 ** 32 && Number.isInteger(value))) to.page.isSmall = false;
      // A fraction in a line is shown as it is all the same.
      if (Number.isInteger(value)) to.column.int(value as number);
      else to.column.wide(Number(value));
    } else if (type === "word") to.column.int(columns.word(String(value)));
    else {
      const bytes = Buffer.from(String(value));
      to.column.int(bytes.length);
      to.text!.copy(bytes, 0, bytes.length);
      to.page.bytes += bytes.length;
    }
  }
}

async function writeBase64(gzip: Gzip, write: (text: string) => unknown): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of gzip as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    // Base64 has four characters for three bytes.
    const whole = bytes.length - (bytes.length % 3);
    rest = bytes.subarray(whole);
    await write(bytes.toString("base64", 0, whole));
  }
  await write(rest.toString("base64"));
}

async function drained(gzip: Gzip): Promise<void> {
  if (gzip.writableNeedDrain) await once(gzip, "drain");
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** The page loads nothing, and only its own script runs; the content of a recording is only data to it. */
function head(title: string): string {
  const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; base-uri 'none'; form-action 'none'`;
  const escaped = visible(title).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${escaped}</title>
<style>${style}</style>
</head>
<body>
<main id="app"><p>Reading… This page needs a browser of 2023 or newer, with scripts.</p></main>
<script type="application/octet-stream" id="data">`;
}
