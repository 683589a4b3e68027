/** The JSON of Chrome's trace viewer, which Perfetto and others read, too. */
import { wellFormed } from "../text/well-formed.ts";
import type { ExportOutput } from "./output.ts";
import type { Values } from "./source.ts";
import { type Flows, Steps, type TraceTarget, type Track, withoutNul } from "./trace.ts";

const US_PER_MS = 1000;
/** The largest time whose microseconds are exact integers. */
const MOST_MS = Math.floor(Number.MAX_SAFE_INTEGER / US_PER_MS);

export class ChromeTrace implements TraceTarget {
  readonly #output: ExportOutput;
  readonly #steps = new Steps();
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
      named("process_name", { name: shown(`${parent!.name}: ${name}`) });
      named("process_sort_index", { sort_index: id });
    } else if (kind === "events") named("thread_name", { name: shown(fullName(track)) });
  }

  begin(track: Track, ms: number, name: string, values: Values): void {
    this.#event("b", track.boot!, track.id, ms, { ...asyncOf(track), name: shown(name), args: values }, track);
  }

  end(track: Track, ms: number): void {
    this.#event("e", track.boot!, track.id, ms, asyncOf(track), track);
  }

  /** An event has one flow at most: that of an answer comes from the latest message. */
  instant(track: Track, ms: number, name: string, values: Values, { begins, ends }: Flows): void {
    const flow = begins !== 0 ? begins : (ends.at(-1) ?? 0);
    const flows = flow === 0 ? {} : { bind_id: flow, [begins !== 0 ? "flow_out" : "flow_in"]: true };
    this.#event(
      "n",
      track.boot!,
      track.id,
      ms,
      { ...asyncOf(track), ...flows, name: shown(name), args: values },
      track,
    );
  }

  counter(track: Track, ms: number, value: number): void {
    this.#event("C", track.boot!, 0, ms, { name: track.name, args: { [track.unit ?? "value"]: value } });
  }

  close(): void {
    this.#output.write("\n]}\n");
  }

  /** `track`: where a reader would nest it in other events of its time. */
  #event(phase: string, boot: Track, tid: number, ms: number | undefined, more: object, track?: Track): void {
    // A microsecond for each instant before it in its millisecond, so that none is within another.
    const step =
      track === undefined || ms === undefined ? 0 : Math.min(this.#steps.of(track, ms, phase === "n"), US_PER_MS - 1);
    const ts = ms === undefined ? {} : { ts: Math.max(0, Math.min(ms, MOST_MS)) * US_PER_MS + step };
    const text = JSON.stringify({ ph: phase, pid: boot.id, tid, ...ts, ...more }, readable);
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
function shown(text: string): string {
  return wellFormed(withoutNul(text));
}

/** Digits that go beyond 64 bits are read as another number: a text says them. */
function readable(_key: string, value: unknown): unknown {
  if (typeof value === "number" && Math.abs(value) >= 2 ** 63 && Math.abs(value) < 1e21) return String(value);
  return typeof value === "string" ? shown(value) : value;
}
