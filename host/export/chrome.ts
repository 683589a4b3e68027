/** The JSON of Chrome's trace viewer, which Perfetto and others read, too. */
import { wellFormed } from "../text/well-formed.ts";
import type { ExportOutput } from "./output.ts";
import type { Values } from "./source.ts";
import type { Flows, TraceTarget, Track } from "./trace.ts";

const US_PER_MS = 1000;
/** The largest time whose microseconds are exact integers. */
const MOST_MS = Math.floor(Number.MAX_SAFE_INTEGER / US_PER_MS);

export class ChromeTrace implements TraceTarget {
  readonly #output: ExportOutput;
  #hasEvents = false;

  /** `isTimed`: times are times of day, in microseconds since 1970, else since boot. */
  constructor(output: ExportOutput, isTimed: boolean) {
    this.#output = output;
    const time = isTimed ? "UTC, microseconds since 1970" : "microseconds since boot: the time of day is unknown";
    output.write(`{"displayTimeUnit":"ms","otherData":${JSON.stringify({ time })},"traceEvents":[`);
  }

  track(track: Track): void {
    const { id, parent, name, kind, boot } = track;
    const named = (said: string, args: Values) => this.#event("M", boot ?? track, id, undefined, { name: said, args });
    if (boot === track) {
      named("process_name", { name: wellFormed(`${parent!.name}: ${name}`) });
      named("process_sort_index", { sort_index: id });
    } else if (kind === "events") named("thread_name", { name: wellFormed(fullName(track)) });
  }

  begin(track: Track, ms: number, name: string, values: Values): void {
    this.#event("b", track.boot!, track.id, ms, { ...asyncOf(track), name: wellFormed(name), args: values });
  }

  end(track: Track, ms: number): void {
    this.#event("e", track.boot!, track.id, ms, asyncOf(track));
  }

  instant(track: Track, ms: number, name: string, values: Values, { begins, ends }: Flows): void {
    this.#event("n", track.boot!, track.id, ms, { ...asyncOf(track), name: wellFormed(name), args: values });
    const flow = (phase: string, id: number, more: object) =>
      this.#event(phase, track.boot!, track.id, ms, { cat: "answer", name: "answer", id, ...more });
    if (begins !== 0) flow("s", begins, {});
    for (const id of ends) flow("f", id, { bp: "e" });
  }

  counter(track: Track, ms: number, value: number): void {
    this.#event("C", track.boot!, 0, ms, { name: track.name, args: { [track.unit ?? "value"]: value } });
  }

  close(): void {
    this.#output.write("\n]}\n");
  }

  #event(phase: string, boot: Track, tid: number, ms: number | undefined, more: object): void {
    const ts = ms === undefined ? {} : { ts: Math.max(0, Math.min(ms, MOST_MS)) * US_PER_MS };
    const text = JSON.stringify({ ph: phase, pid: boot.id, tid, ...ts, ...more }, wellFormedValue);
    this.#output.write(`${this.#hasEvents ? "," : ""}\n${text}`);
    this.#hasEvents = true;
  }
}

/** Slices and instants of one track belong together. */
function asyncOf(track: Track): object {
  return { cat: "events", id2: { local: `0x${track.id.toString(16)}` } };
}

/** From the boot on. */
function fullName({ name, parent }: Track): string {
  return parent === undefined || parent.boot === parent ? name : `${fullName(parent)}, ${name}`;
}

/** A lone surrogate would damage itself and the text after it. */
function wellFormedValue(_key: string, value: unknown): unknown {
  return typeof value === "string" ? wellFormed(value) : value;
}
