/** The events of boots on tracks, for trace viewers: instants, connections as slices, answers as flows, counters. */
import { bootText } from "../packet/boot-record.ts";
import type { RegistryModel, SpanRole } from "../registry/model.ts";
import type { BootItem } from "./exporter.ts";
import type { ExportBoot, ExportEvent, ExportGap, Values } from "./source.ts";

export interface Track {
  /** From 1. */
  readonly id: number;
  readonly parent: Track | undefined;
  readonly name: string;
  /** Its content. "group": other tracks. */
  readonly kind: "group" | "events" | "counter";
  readonly unit?: string;
  readonly description?: string;
  /** The track of the boot that it belongs to, or that it is. */
  readonly boot: Track | undefined;
}

export interface Flows {
  /** 0: none begins here. */
  readonly begins: number;
  readonly ends: readonly number[];
}

/**
 * Writes a trace of one format. Times are whole milliseconds, since 1970 or since boot; calls come in the order of the
 * events.
 */
export interface TraceTarget {
  track(track: Track): void;
  begin(track: Track, ms: number, name: string, values: Values): void;
  end(track: Track, ms: number): void;
  instant(track: Track, ms: number, name: string, values: Values, flows: Flows): void;
  counter(track: Track, ms: number, value: number): void;
  /** The trace ends. */
  close(): void;
}

/**
 * Orders the events of one track and millisecond: readers nest what has one time, and drop it beyond 512 levels.
 * Memory: a little for each track.
 */
export class Steps {
  readonly #last = new WeakMap<Track, { ms: number; steps: number }>();

  /**
   * Returns how many instants of the track came before in the same millisecond. Of a slice's begin or end, one fewer: it
   * has the time of the last of them.
   */
  of(track: Track, ms: number, isInstant: boolean): number {
    let last = this.#last.get(track);
    if (last === undefined || last.ms !== ms) {
      last = { ms, steps: 0 };
      this.#last.set(track, last);
    }
    return isInstant ? last.steps++ : Math.max(0, last.steps - 1);
  }
}

/** Readers end texts at U+0000; its symbol replaces it. */
export function withoutNul(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "␀") : text;
}

/** A connection, or another span of events. */
interface Span {
  readonly track: Track;
  /** When its slice began; undefined if its beginning is missing, or if it has ended. */
  begunMs: number | undefined;
  /** Flows of messages that nothing has answered yet. */
  unanswered: number[];
}

interface BootTracks {
  readonly boot: ExportBoot;
  readonly track: Track;
  readonly rate: Track;
  readonly lost: Track;
  readonly gaps: Track;
  ring: Track | undefined;
  readonly owners: Map<string, Track>;
  readonly spans: Map<string, Span>;
  readonly others: Map<string, Track>;
  lastMs: number;
  /** The last known offset from device time to the trace's time. */
  offsetMs: number;
  second: number;
  secondEvents: number;
  totalLost: number;
}

/** Items that wait for the time of the next event. */
interface Waiting {
  readonly gaps: ExportGap[];
  fill: number | undefined;
}

const SECOND_MS = 1000;
/** A message gets no flow to its answer once this many further messages have come. */
const MOST_UNANSWERED = 1000;
const NO_FLOWS: Flows = { begins: 0, ends: [] };

/** Draws the boots that it is given. Either all have a time of day, or none. */
export class TraceTracks {
  readonly #target: TraceTarget;
  readonly #isTimed: boolean;
  readonly #roles: ReadonlyMap<string, SpanRole | undefined>;
  readonly #nameKey: string;
  readonly #boots = new Map<ExportBoot, BootTracks>();
  readonly #devices = new Map<string | undefined, { readonly track: Track; newest: ExportBoot }>();
  readonly #waiting = new Map<ExportBoot, Waiting>();
  #tracks = 0;
  #flows = 0;

  constructor(target: TraceTarget, registry: RegistryModel, isTimed: boolean) {
    this.#target = target;
    this.#isTimed = isTimed;
    this.#roles = new Map(registry.events.map(({ name, span }) => [name, span]));
    this.#nameKey = registry.attributes.find(({ from }) => from === "event_name")!.key;
  }

  add(item: BootItem): void {
    if (item.kind === "event") this.#event(item);
    else {
      let waiting = this.#waiting.get(item.boot);
      if (waiting === undefined) {
        waiting = { gaps: [], fill: undefined };
        this.#waiting.set(item.boot, waiting);
      }
      if (item.kind === "gap") waiting.gaps.push(item);
      else waiting.fill = item.fill;
    }
  }

  /**
   * Ends the trace. Losses after the last event of a boot, and spans that did not end before the next boot, end with
   * the boot.
   */
  close(): void {
    for (const [boot, waiting] of this.#waiting) {
      const tracks = this.#tracksOf(boot, this.#boots.get(boot)?.lastMs ?? 0);
      this.#before(tracks, waiting, tracks.lastMs);
    }
    for (const tracks of this.#boots.values()) {
      if (tracks.secondEvents > 0) this.#endSecond(tracks);
      if (this.#devices.get(tracks.boot.device)!.newest === tracks.boot) continue;
      for (const span of tracks.spans.values()) this.#endSpan(span, tracks.lastMs);
    }
    this.#target.close();
  }

  #event(item: ExportEvent): void {
    const { boot, event, deviceMs, unixMs, uncertaintyMs } = item;
    const known = this.#boots.get(boot);
    const ms = this.#isTimed ? (unixMs ?? deviceMs + known!.offsetMs) : deviceMs;
    const tracks = known ?? this.#tracksOf(boot, ms);
    const waiting = this.#waiting.get(boot);
    if (waiting !== undefined) {
      this.#waiting.delete(boot);
      this.#before(tracks, waiting, ms);
    }
    tracks.offsetMs = ms - deviceMs;
    tracks.lastMs = Math.max(tracks.lastMs, ms);
    const second = Math.floor(ms / SECOND_MS);
    if (second !== tracks.second) {
      this.#endSecond(tracks, second);
      tracks.second = second;
      tracks.secondEvents = 0;
    }
    tracks.secondEvents++;
    const name = String(event[this.#nameKey]);
    const role = this.#roles.get(name);
    const values = uncertaintyMs > 0 && unixMs !== undefined ? { timeUncertaintyMs: uncertaintyMs, ...event } : event;
    if (role === undefined) this.#target.instant(this.#otherTrack(tracks, name), ms, name, values, NO_FLOWS);
    else this.#spanEvent(tracks, role, ms, name, values);
  }

  #spanEvent(tracks: BootTracks, { step, keys }: SpanRole, ms: number, name: string, values: Values): void {
    const key = JSON.stringify(keys.map((each) => values[each]));
    let span = tracks.spans.get(key);
    if (step === "begin" && span !== undefined) {
      this.#endSpan(span, ms);
      span = undefined;
    }
    if (span === undefined) {
      span = { track: this.#spanTrack(tracks, keys, values), begunMs: undefined, unanswered: [] };
      tracks.spans.set(key, span);
    }
    if (step === "begin") {
      span.begunMs = ms;
      const said = Object.fromEntries(keys.map((each) => [each, values[each]!]));
      this.#target.begin(span.track, ms, keys.map((each) => `${each} ${values[each]}`).join(", "), said);
    }
    let flows = NO_FLOWS;
    if (name === "msg.recv") {
      flows = { begins: ++this.#flows, ends: [] };
      span.unanswered.push(flows.begins);
      if (span.unanswered.length > MOST_UNANSWERED) span.unanswered.shift();
    } else if (name === "msg.send" && span.unanswered.length > 0) {
      flows = { begins: 0, ends: span.unanswered };
      span.unanswered = [];
    }
    this.#target.instant(span.track, ms, name, values, flows);
    if (step !== "end") return;
    this.#endSpan(span, ms);
    tracks.spans.delete(key);
  }

  #endSpan(span: Span, ms: number): void {
    if (span.begunMs === undefined) return;
    // If the clock was set back in between, it would end before its beginning.
    this.#target.end(span.track, Math.max(ms, span.begunMs));
    span.begunMs = undefined;
  }

  /** A loss is drawn from the event before it to this one; messages before it get no flow to an answer. */
  #before(tracks: BootTracks, { gaps, fill }: Waiting, ms: number): void {
    if (gaps.length > 0) for (const span of tracks.spans.values()) span.unanswered = [];
    const from = Math.min(tracks.lastMs, ms);
    for (const { missing, causes } of gaps) {
      tracks.totalLost += missing;
      this.#target.begin(tracks.gaps, from, `${missing} lost`, { missing, ...causes });
      this.#target.end(tracks.gaps, ms);
    }
    if (gaps.length > 0) this.#target.counter(tracks.lost, ms, tracks.totalLost);
    if (fill === undefined) return;
    tracks.ring ??= this.#track("ring fill", "counter", tracks.track, { unit: "%" });
    this.#target.counter(tracks.ring, ms, Math.round(fill * 1000) / 10);
  }

  /** `next`: the second of the next event. */
  #endSecond({ rate, second, secondEvents }: BootTracks, next?: number): void {
    if (secondEvents > 0) this.#target.counter(rate, second * SECOND_MS, secondEvents);
    if (next === undefined || next > second + 1) this.#target.counter(rate, (second + 1) * SECOND_MS, 0);
  }

  #tracksOf(boot: ExportBoot, ms: number): BootTracks {
    const known = this.#boots.get(boot);
    if (known !== undefined) return known;
    let device = this.#devices.get(boot.device);
    if (device === undefined) {
      const name = boot.device === undefined ? "a device without a name" : boot.device;
      device = { track: this.#track(name, "group", undefined), newest: boot };
      this.#devices.set(boot.device, device);
    }
    device.newest = boot;
    const after = boot.reset === undefined ? "" : ` after ${boot.reset.reset}`;
    const said = `boot ${boot.boot ?? "with an unknown number"}${after}${this.#isTimed ? "" : ", times since its start: the time of day is unknown"}`;
    const about = [boot.bootId && `boot id ${boot.bootId}`, boot.reset && `after: ${bootText(boot.reset)}`];
    const description = about.filter((each) => each).join("; ");
    const track = this.#track(said, "group", device.track, { description });
    const tracks: BootTracks = {
      boot,
      track,
      rate: this.#track("events a second", "counter", track, { unit: "events" }),
      lost: this.#track("events lost so far", "counter", track, { unit: "events" }),
      gaps: this.#track("lost events", "events", track),
      ring: undefined,
      owners: new Map(),
      spans: new Map(),
      others: new Map(),
      lastMs: ms,
      offsetMs: 0,
      second: Math.floor(ms / SECOND_MS),
      secondEvents: 0,
      totalLost: 0,
    };
    this.#boots.set(boot, tracks);
    return tracks;
  }

  /** One track for each span: overlapping slices on one track are drawn wrongly. */
  #spanTrack(tracks: BootTracks, keys: readonly string[], values: Values): Track {
    let parent = tracks.track;
    if (keys.length > 1) {
      const name = keys
        .slice(0, -1)
        .map((key) => `${key} ${values[key]}`)
        .join(", ");
      let owner = tracks.owners.get(name);
      if (owner === undefined) {
        owner = this.#track(name, "group", tracks.track);
        tracks.owners.set(name, owner);
      }
      parent = owner;
    }
    return this.#track(`${keys.at(-1)} ${values[keys.at(-1)!]}`, "events", parent);
  }

  #otherTrack(tracks: BootTracks, name: string): Track {
    let track = tracks.others.get(name);
    if (track === undefined) {
      track = this.#track(name, "events", tracks.track);
      tracks.others.set(name, track);
    }
    return track;
  }

  #track(
    name: string,
    kind: Track["kind"],
    parent: Track | undefined,
    { unit = "", description = "" }: { unit?: string; description?: string } = {},
  ): Track {
    const id = ++this.#tracks;
    const draft = { id, parent, name, kind, unit, description };
    const boot = parent === undefined ? undefined : parent.boot;
    const track: Track =
      parent !== undefined && parent.parent === undefined && kind === "group" && boot === undefined
        ? ownBoot(draft)
        : { ...draft, boot };
    this.#target.track(track);
    return track;
  }
}

/** A track under a device's track is a boot's own. */
function ownBoot(draft: Omit<Track, "boot">): Track {
  const track = { ...draft, boot: undefined as Track | undefined };
  track.boot = track;
  return track;
}
