/**
 * Spans: sections of a boot that begin, get ready and end, such as connections. Events in a span must be between its
 * begin and its end, and after ready if the device reports ready.
 *
 * Between two events that are not neighbours anything may have happened: spans may have begun, got ready and ended
 * there. Such a place is a blind spot. What stays certain in spite of it: a span that has ended does not continue;
 * numbers of one owner rise; ready comes once, and nothing that must follow it precedes it.
 */
import { quote } from "../text/lines.ts";
import type { IssueLog } from "./issues.ts";
import { type AttributeTable, describe, isUsable, type SpanTable } from "./tables.ts";

/** Most open spans of a kind that are followed; as many owners without an open span are remembered, too. */
export const MOST_OPEN_SPANS = 4096;
const MOST_OWNERS = 2 * MOST_OPEN_SPANS;

interface Span {
  readonly owner: Owner;
  readonly number: number;
  /** Blind spots when its begin was seen, -1 if it was not. */
  readonly blindAtBegin: number;
  isReady: boolean;
  /**
   * Line of the first event that must follow ready and came without a ready; 0 if there is none, -1 if it is reported.
   */
  earlyLine: number;
  earlyEvent: string;
}

interface Owner {
  readonly key: unknown;
  readonly spans: Map<number, Span>;
  /** The greatest number known to have begun. */
  latest: number;
  /** Blind spots that are certainly before the begin of the next greater one: it may hide in those after. */
  blindAtLatest: number;
  /** Blind spots that may be before the begin of the latest: a smaller one began there. */
  blindBeforeLatest: number;
  /** The last one that ended. */
  ended: number;
}

interface Kind {
  readonly owners: Map<unknown, Owner>;
  /** In the order of their begins. */
  readonly open: Set<Span>;
  /** The owner of the previous event: usually also of this one. */
  last: Owner | undefined;
  /** The boot has reported ready. */
  showsReady: boolean;
  hasForgotten: boolean;
}

/** The spans of one boot. Memory: MOST_OPEN_SPANS and as many owners again for each kind of span, whatever comes. */
export class SpanChecker {
  readonly #log: IssueLog;
  readonly #kinds = new Map<string, Kind>();
  #lastKind: Kind | undefined;
  #lastKindName = "";
  /** Places so far that may contain unseen events. */
  #blindSpots = 0;

  constructor(log: IssueLog) {
    this.#log = log;
  }

  /** Unseen events may have happened here. */
  addBlindSpot(): void {
    this.#blindSpots += 1;
  }

  /** An event with its part in a span; its place is that of the log. */
  check(object: Record<string, unknown>, table: SpanTable, event: string): void {
    const key = ownerKey(object, table.owners);
    const number = object[table.number.key] as number;
    if (key === undefined || !isUsable(table.number, number)) {
      // It belongs to a span, but it is unknown to which.
      this.#blindSpots += 1;
      return;
    }
    const kind = this.#kind(table.kind);
    let owner = kind.last;
    if (owner === undefined || owner.key !== key) {
      owner = this.#owner(kind, key);
      kind.last = owner;
    }
    if (table.step === "begin") this.#begin(object, kind, owner, number, table, event);
    else this.#continue(object, kind, owner, number, table, event);
  }

  #begin(
    object: Record<string, unknown>,
    kind: Kind,
    owner: Owner,
    number: number,
    table: SpanTable,
    event: string,
  ): void {
    if (number > owner.latest) {
      owner.latest = number;
      owner.blindAtLatest = this.#blindSpots;
      owner.blindBeforeLatest = this.#blindSpots;
    } else {
      const said = `is ${number} in ${event} of ${shownOwner(object, table)}, expected more than ${owner.latest}`;
      this.#log.report("E_EPOCH", table.number.key, `${table.number.key} ${said}, which came before`);
      // Which span began here is unknown: any may continue.
      owner.blindAtLatest = -1;
      owner.blindBeforeLatest = Number.POSITIVE_INFINITY;
    }
    this.#open(kind, owner, number, this.#blindSpots, table);
  }

  #continue(
    object: Record<string, unknown>,
    kind: Kind,
    owner: Owner,
    number: number,
    table: SpanTable,
    event: string,
  ): void {
    let span = owner.spans.get(number);
    if (span === undefined) {
      if (this.#mayHaveBegun(owner, number)) {
        if (number > owner.latest) {
          owner.latest = number;
          owner.blindBeforeLatest = this.#blindSpots;
        }
      } else this.#reportOutside(object, owner, number, table, event);
      // Reported once: later events are assigned to it.
      span = this.#open(kind, owner, number, -1, table);
    }
    if (table.step === "end") {
      owner.spans.delete(number);
      owner.ended = number;
      kind.open.delete(span);
    } else if (table.step === "ready") {
      this.#ready(kind, span, object, table, event);
    } else if (!span.isReady && table.ready !== undefined) {
      this.#beforeReady(kind, span, object, table, event);
    }
  }

  /** A span whose begin was not seen, and that is not open. */
  #mayHaveBegun(owner: Owner, number: number): boolean {
    if (number === owner.ended) return false;
    // A greater one began after the latest, a smaller one before it: each in a blind spot.
    return number > owner.latest ? this.#blindSpots > owner.blindAtLatest : owner.blindBeforeLatest > 0;
  }

  #ready(kind: Kind, span: Span, object: Record<string, unknown>, table: SpanTable, event: string): void {
    kind.showsReady = true;
    if (span.isReady) {
      const said = `a second ${event} of ${shownSpan(object, table)}, expected one`;
      this.#log.report("E_ORDER", null, said);
    } else if (span.earlyLine > 0) {
      const said = `${event} of ${shownSpan(object, table)} comes after ${quote(span.earlyEvent)}${this.#log.placeOf === undefined ? ` in line ${span.earlyLine}` : ""}`;
      this.#log.report("E_ORDER", null, `${said}, expected before it`);
    }
    span.isReady = true;
  }

  #beforeReady(kind: Kind, span: Span, object: Record<string, unknown>, table: SpanTable, event: string): void {
    if (span.earlyLine !== 0) return;
    const { beforeReady, ready } = table;
    if (beforeReady !== undefined) {
      const value = object[beforeReady.attribute.key];
      // An invalid value may have been meant as the allowed one.
      if (value === beforeReady.value || !isUsable(beforeReady.attribute, value)) return;
    }
    // Not every device reports ready: the first span shows it only when ready comes too late.
    if (kind.showsReady && span.blindAtBegin === this.#blindSpots) {
      this.#log.report(
        "E_ORDER",
        null,
        `${event} of ${shownSpan(object, table)} comes before ${ready}, expected after it`,
      );
      span.earlyLine = -1;
    } else {
      span.earlyLine = this.#log.line;
      span.earlyEvent = event;
    }
  }

  #reportOutside(object: Record<string, unknown>, owner: Owner, number: number, table: SpanTable, event: string): void {
    const found = `${event} of ${shownSpan(object, table)}`;
    const said =
      number === owner.ended
        ? `${found} comes after its ${table.ends}, expected before it`
        : `${found} comes without a ${table.begins} before it, expected after one`;
    this.#log.report("E_SPAN", table.number.key, said);
  }

  #kind(name: string): Kind {
    if (this.#lastKind !== undefined && this.#lastKindName === name) return this.#lastKind;
    let kind = this.#kinds.get(name);
    if (kind === undefined) {
      kind = { owners: new Map(), open: new Set(), last: undefined, showsReady: false, hasForgotten: false };
      this.#kinds.set(name, kind);
    }
    this.#lastKind = kind;
    this.#lastKindName = name;
    return kind;
  }

  #owner(kind: Kind, key: unknown): Owner {
    let owner = kind.owners.get(key);
    if (owner === undefined) {
      if (kind.owners.size >= MOST_OWNERS) forgetOwner(kind);
      const none = Number.NEGATIVE_INFINITY;
      owner = { key, spans: new Map(), latest: none, blindAtLatest: 0, blindBeforeLatest: 0, ended: none };
      kind.owners.set(key, owner);
    }
    return owner;
  }

  #open(kind: Kind, owner: Owner, number: number, blindAtBegin: number, table: SpanTable): Span {
    const before = owner.spans.get(number);
    if (before !== undefined) kind.open.delete(before);
    else if (kind.open.size >= MOST_OPEN_SPANS) this.#forgetSpan(kind, table);
    const span = { owner, number, blindAtBegin, isReady: false, earlyLine: 0, earlyEvent: "" };
    owner.spans.set(number, span);
    kind.open.add(span);
    return span;
  }

  #forgetSpan(kind: Kind, table: SpanTable): void {
    const [oldest] = kind.open;
    kind.open.delete(oldest);
    oldest.owner.spans.delete(oldest.number);
    // Its events are treated like those of a span whose begin was not seen.
    this.#blindSpots += 1;
    oldest.owner.blindAtLatest = -1;
    oldest.owner.blindBeforeLatest = Number.POSITIVE_INFINITY;
    if (kind.hasForgotten) return;
    kind.hasForgotten = true;
    const said = `more than ${MOST_OPEN_SPANS} spans of ${table.begins} are open, expected their ${table.ends}`;
    this.#log.report("W_FORGOTTEN", null, `${said}: the oldest are no longer checked`);
  }
}

/** Drops the oldest owner without an open span; only that its span has ended is forgotten. */
function forgetOwner(kind: Kind): void {
  for (const [key, owner] of kind.owners) {
    kind.owners.delete(key);
    if (owner.spans.size === 0) return;
    // Moved to the end, so that the next search does not soon meet it again. At most half of them have open spans.
    kind.owners.set(key, owner);
  }
}

/** The owner of the span, undefined if it cannot be determined. */
function ownerKey(object: Record<string, unknown>, owners: readonly AttributeTable[]): unknown {
  if (owners.length === 1) {
    const value = object[owners[0].key];
    return isUsable(owners[0], value) ? value : undefined;
  }
  const values = owners.map((table) => {
    const value = object[table.key];
    return isUsable(table, value) ? value : undefined;
  });
  return values.includes(undefined) ? undefined : JSON.stringify(values);
}

function shownOwner(object: Record<string, unknown>, { owners }: SpanTable): string {
  return owners.map(({ key }) => `${key} ${describe(object[key])}`).join(", ") || "the boot";
}

function shownSpan(object: Record<string, unknown>, table: SpanTable): string {
  return [...table.owners, table.number].map(({ key }) => `${key} ${describe(object[key])}`).join(", ");
}
