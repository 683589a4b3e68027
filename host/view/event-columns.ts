/**
 * Turns events into columns: the part of a page that is written as the recording is read. Memory: a block, words, boots
 * and gaps.
 */
import type { Gap } from "../decode/types.ts";
import type { ReadPlace } from "../read/events.ts";
import { type EventPlan, eventPlans } from "../read/stats-plan.ts";
import type { Attribute, DerivedFrom, RegistryModel } from "../registry/model.ts";
import { TelemetryError } from "../text/errors.ts";
import { Column } from "./columns.ts";
import {
  BOOT,
  FIRST_ATTRIBUTE,
  KIND,
  type PageAttribute,
  type PageBoot,
  type PageGap,
  type PageKind,
  type PageMeta,
  SEQUENCE,
  TIME,
} from "./format.ts";

/** The most that a browser shows without waiting. */
export const MOST_EVENTS = 2_000_000;
const BLOCK_EVENTS = 65_536;
const BLOCK_BYTES = 8 << 20;
/** A page has them in one table. */
const MOST_BOOTS = 100_000;
const MOST_KINDS = 250;
const MOST_SMALL = 2 ** 32 - 1;

/** An event of a registry, and where its attributes go. */
export interface Kind {
  readonly index: number;
  readonly plan: EventPlan;
  readonly page: PageKind;
  readonly columns: readonly AttributeColumn[];
}

export interface AttributeColumn {
  readonly page: PageAttribute;
  readonly column: Column;
  /** Of a text. */
  readonly text: Column | undefined;
  /** Events lack it if it is "". */
  readonly isLeftOutEmpty: boolean;
}

/** A boot, or what one of its further readers has of it. */
export interface Boot {
  readonly index: number;
  readonly page: PageBoot;
  /** No event of it is wanted. */
  readonly isLeftOut: boolean;
  /** Number of the next event, if none is missing; -1 before the first. */
  nextSeq: number;
  lastMs: number;
  /** Of the last event in the page. */
  writtenMs: number;
  writtenNext: number;
  /** Reported losses that are not placed yet. */
  onDevice: number;
  inTransit: number;
  beforeFirst: number;
}

/** For JSON lines: where the name and number of an event are. */
export interface LineKinds {
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly nameKey: string;
  readonly sequenceKey: string;
}

export interface ViewFilter {
  readonly devices?: readonly string[];
  /** By milliseconds since boot and the time of day, NaN if unknown. */
  readonly isInTime?: (deviceMs: number, unixMs: number) => boolean;
}

export class EventColumns {
  readonly #filter: ViewFilter;
  readonly #onBlock: (bytes: Uint8Array) => void;
  readonly #kinds: Kind[] = [];
  readonly #byName = new Map<RegistryModel, ReadonlyMap<string, Kind>>();
  readonly #lines = new Map<RegistryModel, LineKinds>();
  readonly #boots: Boot[] = [];
  readonly #bootByKey = new Map<string, Boot>();
  readonly #words = new Map<string, number>([["", 0]]);
  readonly #gaps: PageGap[] = [];
  readonly #base = [KIND, BOOT, TIME, SEQUENCE].map((id) => new Column(id));
  #columns: Column[] = [...this.#base];
  #nextColumn = FIRST_ATTRIBUTE;
  #blockEvents = 0;
  #mostSeq = 0;
  events = 0;
  leftOut = 0;

  /** `onBlock` takes bytes of the page's stream. */
  constructor(filter: ViewFilter, onBlock: (bytes: Uint8Array) => void) {
    this.#filter = filter;
    this.#onBlock = onBlock;
  }

  kindsOf(registry: RegistryModel): ReadonlyMap<string, Kind> {
    let kinds = this.#byName.get(registry);
    if (kinds === undefined) {
      kinds = new Map([...eventPlans(registry)].map(([name, plan]) => [name, this.#newKind(plan, registry)]));
      this.#byName.set(registry, kinds);
    }
    return kinds;
  }

  /** What lines of a registry's version are. */
  linesOf(registry: RegistryModel): LineKinds {
    let found = this.#lines.get(registry);
    if (found === undefined) {
      const key = (from: DerivedFrom) => registry.attributes.find((each) => each.from === from)?.key ?? "";
      found = { kinds: this.kindsOf(registry), nameKey: key("event_name"), sequenceKey: key("sequence") };
      this.#lines.set(registry, found);
    }
    return found;
  }

  boot({ device, boot, bootId, reader }: ReadPlace): Boot {
    const key = JSON.stringify([device, boot, bootId, reader]);
    let found = this.#bootByKey.get(key);
    if (found === undefined) {
      if (this.#boots.length >= MOST_BOOTS) throw tooMuch(`more than ${MOST_BOOTS} boots`);
      const place = { device: device ?? null, boot: boot ?? null, bootId: bootId ?? null, reader };
      const isLeftOut = this.#filter.devices !== undefined && !this.#filter.devices.includes(device ?? "");
      const page = { ...place, reset: null, after: null, events: 0, firstMs: 0, lastMs: 0, anchors: [] };
      const none = { onDevice: 0, inTransit: 0, beforeFirst: 0, writtenMs: 0, writtenNext: 0 };
      found = { index: this.#boots.length, page, isLeftOut, nextSeq: -1, lastMs: 0, ...none };
      // An event that is left out takes no place in the page.
      if (!isLeftOut) this.#boots.push(found);
      this.#bootByKey.set(key, found);
    }
    return found;
  }

  word(text: string): number {
    let index = this.#words.get(text);
    if (index === undefined) {
      index = this.#words.size;
      this.#words.set(text, index);
    }
    return index;
  }

  /** The time of day, if known: before the event that it belongs to. */
  wall({ page: { anchors } }: Boot, ms: number, unixMs: number, uncertaintyMs: number): void {
    const last = anchors.at(-1);
    const offset = unixMs - ms;
    if (last === undefined || offset !== last[1]) anchors.push([ms, offset, Math.round(uncertaintyMs)]);
  }

  /**
   * An event, whose attributes are then put into the kind's columns. Returns false if it is not wanted. `eventSeq` -1:
   * unknown; `unixMs` NaN: unknown. Throws TelemetryError E_TOO_MANY (exit code 2) if there are more than a page holds.
   */
  event(boot: Boot, kind: Kind, ms: number, eventSeq: number, unixMs: number): boolean {
    if (eventSeq >= 0 && eventSeq !== boot.nextSeq) this.#missing(boot, ms, eventSeq, unixMs);
    if (eventSeq >= 0) boot.nextSeq = eventSeq + 1;
    boot.lastMs = ms;
    if (boot.isLeftOut || this.#filter.isInTime?.(ms, unixMs) === false) {
      this.leftOut++;
      return false;
    }
    if (this.events >= MOST_EVENTS) throw tooMuch(`more than ${MOST_EVENTS.toLocaleString("en")} events`);
    // Before the event: what belongs to it comes after.
    if (this.#blockEvents >= BLOCK_EVENTS || (this.events & 1023) === 0) this.#endBlock(BLOCK_BYTES);
    this.events++;
    this.#blockEvents++;
    const { page } = boot;
    const [kinds, boots, times, numbers] = this.#base as [Column, Column, Column, Column];
    kinds.byte(kind.index);
    boots.varint(boot.index);
    times.int(ms - boot.writtenMs);
    numbers.int(eventSeq < 0 ? Number.NaN : eventSeq - boot.writtenNext);
    boot.writtenMs = ms;
    if (eventSeq >= 0) boot.writtenNext = eventSeq + 1;
    if (eventSeq > this.#mostSeq) this.#mostSeq = eventSeq;
    if (page.events++ === 0) page.firstMs = ms;
    if (ms > page.lastMs) page.lastMs = ms;
    kind.page.count++;
    return true;
  }

  /** Events are missing before the next one of the boot. */
  gap(boot: Boot, { lostOnDevice, lostInTransit, beforeFirstPacket }: Gap): void {
    boot.onDevice += lostOnDevice;
    boot.inTransit += lostInTransit;
    boot.beforeFirst += beforeFirstPacket;
  }

  /** Writes the rest; returns what follows all blocks. */
  end(title: string, problems: Readonly<Record<string, number>>): PageMeta {
    this.#endBlock(0);
    for (const boot of this.#boots) {
      const { onDevice, inTransit, beforeFirst, index, lastMs } = boot;
      if (onDevice + inTransit + beforeFirst > 0)
        this.#gaps.push({
          boot: index,
          fromMs: lastMs,
          toMs: lastMs,
          onDevice,
          inTransit,
          beforeFirst,
          unexplained: 0,
        });
    }
    return {
      title,
      events: this.events,
      mostSeq: this.#mostSeq,
      kinds: this.#kinds.map(({ page }) => page),
      boots: this.#boots.map(({ page }) => page),
      words: [...this.#words.keys()],
      gaps: this.#gaps,
      problems,
    };
  }

  /** Numbers are missing: the reported causes are theirs. A gap after a packet's first event is the device's own. */
  #missing(boot: Boot, ms: number, eventSeq: number, unixMs: number): void {
    const isFirst = boot.nextSeq < 0;
    const missing = eventSeq - (isFirst ? 0 : boot.nextSeq);
    const { onDevice, inTransit, beforeFirst } = boot;
    const told = onDevice + inTransit + beforeFirst;
    if (missing <= 0 || (isFirst && told === 0)) return;
    const take = (most: number, left: number) => Math.min(most, left);
    // Their order before a packet.
    const first = take(beforeFirst, missing);
    const transit = take(inTransit, missing - first);
    const device = take(onDevice, missing - first - transit);
    boot.beforeFirst -= first;
    boot.inTransit -= transit;
    boot.onDevice -= device;
    if (boot.isLeftOut || this.#filter.isInTime?.(ms, unixMs) === false) return;
    const unexplained = missing - first - transit - device;
    const causes = { onDevice: device, inTransit: transit, beforeFirst: first, unexplained };
    this.#gaps.push({ boot: boot.index, fromMs: isFirst ? 0 : boot.lastMs, toMs: ms, ...causes });
  }

  #newKind(plan: EventPlan, registry: RegistryModel): Kind {
    if (this.#kinds.length >= MOST_KINDS) throw tooMuch(`more than ${MOST_KINDS} kinds of events`);
    const own = registry.events.find(({ name }) => name === plan.name)!.attributes;
    const attributes = own.map(({ key }) => registry.attributes.find((each) => each.key === key)!);
    const columns = attributes
      .filter(({ from, value }) => from === undefined && value === undefined)
      .map((each) => this.#newColumn(each));
    const page: PageKind = {
      name: plan.name,
      schemaVersion: registry.schemaVersion,
      step: plan.step ?? null,
      way: plan.way ?? null,
      owner: plan.ownerKey ?? null,
      number: plan.numberKey ?? null,
      messageType: plan.typeKey ?? null,
      reason: plan.reasonKey ?? null,
      result: attributes.find(({ key, sameAs }) => key === "result" || sameAs === "result")?.key ?? null,
      series: plan.values.filter(({ kind }) => kind !== "word").map(({ key }) => key),
      attributes: columns.map(({ page }) => page),
      count: 0,
    };
    const kind = { index: this.#kinds.length, plan, page, columns };
    this.#kinds.push(kind);
    return kind;
  }

  #newColumn({ key, type, maxBytes, least = 0, most, members, sameAs, absentWhenEmpty }: Attribute): AttributeColumn {
    const column = new Column(this.#nextColumn++);
    this.#columns.push(column);
    const isText = type === "string" && maxBytes !== undefined && members.length === 0;
    const text = isText ? new Column(this.#nextColumn++) : undefined;
    if (text !== undefined) this.#columns.push(text);
    const isSmall = type === "int" && sameAs === undefined && least >= 0 && most !== undefined && most <= MOST_SMALL;
    const kind = type === "int" || type === "double" ? type : isText ? "text" : "word";
    return {
      page: { key, type: kind, column: column.id, bytes: 0, isSmall },
      column,
      text,
      isLeftOutEmpty: absentWhenEmpty === true,
    };
  }

  #endBlock(ifBytes: number): void {
    if (this.#blockEvents === 0) return;
    if (this.#blockEvents < BLOCK_EVENTS && this.#columns.reduce((sum, { length }) => sum + length, 0) < ifBytes)
      return;
    const filled = this.#columns.filter(({ length }) => length > 0);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(this.#blockEvents, 0);
    head.writeUInt32LE(filled.length, 4);
    this.#onBlock(Buffer.concat([head, ...filled.map((column) => column.take())]));
    this.#blockEvents = 0;
  }
}

function tooMuch(what: string): TelemetryError {
  const message = `${what}: the page would be slow. Narrow it with --since and --until, or --device`;
  return new TelemetryError("E_TOO_MANY", message, 2);
}
