/**
 * Sums up a recording: boots, events, losses, connections, rejections, message types, the busiest clients and seconds.
 * Memory is bounded whatever was recorded: if there is too much of something, the rest is counted together, and
 * reported.
 */
import type { Gap } from "../decode/types.ts";
import { keyFrom } from "../migrate/steps.ts";
import { timeText } from "../packet/line-context.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { ReadEvent, ReadPlace } from "./events.ts";
import { Numbers, type Spread } from "./histogram.ts";
import type { BootRow, ClientRow, Statistics } from "./statistics.ts";
import { type BootStats, type ConnectionSums, Spans, type TypeStats } from "./stats-boots.ts";
import { type EventPlan, eventPlans } from "./stats-plan.ts";
import { Top } from "./top.ts";

/** Most boots that are followed at once, boots that are listed, message types that are distinguished. */
const MOST_FOLLOWED = 16_384;

const MOST_LISTED = 100_000;
const MOST_TYPES = 500;

/** Most clients of a boot before they are summed up. */
const MOST_CLIENTS = 4096;

const MOST_SECONDS = 10;
const MOST_TOP = 10;

/** Numbers that are not integers are distinguished to a millionth. */
const FRACTION = 1e-6;

const OTHER_TYPES = "(other types)";

/** The part of an event that stats reads. */
export interface Facts {
  ms: number;
  /** -1 if it has none. */
  eventSeq: number;
  owner: unknown;
  number: number;
  reason: string;
  bytes: number;
}

interface Client {
  readonly device: string | undefined;
  readonly client: number | string;
}

export class Stats {
  readonly #plans = new Map<RegistryModel, ReadonlyMap<string, EventPlan>>();
  readonly #live = new Map<string, BootStats>();
  /** For each boot, the reader whose events count. */
  #listed: BootStats[] = [];
  #unlisted = 0;
  readonly #devices = new Set<string>();
  readonly #types = new Map<string, TypeStats>();
  readonly #connections: ConnectionSums = {
    begun: 0,
    ended: 0,
    openAtEnd: 0,
    begunUnseen: 0,
    durations: new Numbers(),
  };
  readonly #reasons = new Map<string, number>();
  readonly #rejectedClients = new Top<Client>();
  readonly #clients = new Top<Client>();
  #seconds: { boot: BootStats; second: number; events: number }[] = [];
  readonly #words = new Map<string, Map<string, number>>();
  readonly #numbers = new Map<string, Numbers>();
  #repeated = 0;
  #activeMs = 0;
  readonly #lost = { lostOnDevice: 0, lostInTransit: 0, beforeFirstPacket: 0, missing: 0 };
  #last: BootStats | undefined;

  plansOf(registry: RegistryModel): ReadonlyMap<string, EventPlan> {
    let plans = this.#plans.get(registry);
    if (plans === undefined) {
      plans = eventPlans(registry);
      this.#plans.set(registry, plans);
    }
    return plans;
  }

  /** The boot of a place, the same object as long as it is followed. */
  boot(place: ReadPlace): BootStats {
    if (this.#last?.place === place) return this.#last;
    const key = JSON.stringify([place.device, place.boot, place.bootId]);
    const whose = this.#live.get(key);
    if (whose !== undefined && whose.place.reader === place.reader) {
      this.#last = whose.place === place ? whose : this.#last;
      return whose;
    }
    const readerKey = `${key} ${place.reader}`;
    let boot = whose === undefined ? undefined : this.#live.get(readerKey);
    if (boot === undefined) {
      boot = newBoot(place, whose !== undefined, this.#connections);
      if (this.#live.size >= MOST_FOLLOWED) {
        const [oldest, { spans }] = this.#live.entries().next().value!;
        this.#close(this.#live.get(oldest)!);
        spans.close();
        this.#live.delete(oldest);
      }
      this.#live.set(whose === undefined ? key : readerKey, boot);
      if (whose === undefined) {
        this.#devices.add(place.device ?? "");
        if (this.#listed.length < MOST_LISTED) this.#listed.push(boot);
        else this.#unlisted++;
      }
    }
    this.#last = boot.place === place ? boot : undefined;
    return boot;
  }

  type(name: string): TypeStats {
    let type = this.#types.get(name);
    if (type !== undefined) return type;
    if (this.#types.size >= MOST_TYPES) {
      const others = this.#types.get(OTHER_TYPES);
      if (others !== undefined) return others;
      name = OTHER_TYPES;
    }
    type = { received: 0, sent: 0, bytes: 0, answers: new Numbers(), unanswered: 0, unknown: 0 };
    this.#types.set(name, type);
    return type;
  }

  /**
   * Counts an event of a boot. Returns false if it is not counted, because another reader of the boot has reported it.
   */
  event(
    boot: BootStats,
    plan: EventPlan,
    { ms, eventSeq, owner, number, reason, bytes }: Facts,
    type: TypeStats | undefined,
  ): boolean {
    if (boot.isDouble) {
      this.#repeated++;
      return false;
    }
    plan.count++;
    if (boot.events === 0) boot.firstMs = ms;
    else if (eventSeq !== boot.nextSeq) boot.spans.gap();
    boot.nextSeq = eventSeq + 1;
    boot.events++;
    if (ms > boot.lastMs) boot.lastMs = ms;
    const second = Math.floor(ms / 1000);
    if (second !== boot.second) {
      this.#endSecond(boot);
      boot.second = second;
    }
    boot.secondEvents++;
    const { spans } = boot;
    if (type !== undefined) {
      type.bytes += bytes;
      if (plan.way === "received") {
        type.received++;
        spans.received(owner, number, ms, type);
      } else {
        type.sent++;
        spans.sent(owner, number, ms);
      }
    } else if (plan.step === "begin") spans.begin(owner, number, ms);
    else if (plan.step === "end") spans.end(owner, number, ms);
    if (owner !== undefined) {
      let client = boot.clients.get(owner);
      if (client === undefined) {
        if (boot.clients.size >= MOST_CLIENTS) this.#endClients(boot);
        client = { events: 0, rejected: 0 };
        boot.clients.set(owner, client);
      }
      client.events++;
      if (reason !== "") client.rejected++;
    }
    if (reason !== "") this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    return true;
  }

  /** Another value of an event. */
  word(key: string, value: string): void {
    let words = this.#words.get(key);
    if (words === undefined) {
      words = new Map();
      this.#words.set(key, words);
    }
    const count = words.get(value);
    // Lines may contain anything; a registry's enums have at most 256 values.
    if (count !== undefined || words.size < MOST_TYPES) words.set(value, (count ?? 0) + 1);
  }

  number(key: string, value: number, isInt: boolean): void {
    let numbers = this.#numbers.get(key);
    if (numbers === undefined) {
      numbers = new Numbers(isInt ? 1 : FRACTION);
      this.#numbers.set(key, numbers);
    }
    numbers.add(value);
  }

  /** An event from a line. */
  line({ event, registry, place, deviceMs, wall }: ReadEvent): void {
    const boot = this.boot(place);
    const plan = this.plansOf(registry).get(String(event[keyFrom(registry, "event_name")]));
    if (plan === undefined) return;
    // Without a time it counts as of the event before.
    const ms = Number.isNaN(deviceMs) ? Math.max(0, boot.lastMs) : deviceMs;
    const owner = plan.ownerKey === undefined ? undefined : event[plan.ownerKey];
    const sequence = event[keyFrom(registry, "sequence")];
    const eventSeq = typeof sequence === "number" ? sequence : -1;
    const number = plan.numberKey === undefined ? 0 : Number(event[plan.numberKey]);
    const reason = plan.reasonKey === undefined ? "" : String(event[plan.reasonKey] ?? "");
    const payload = plan.payloadKey === undefined ? undefined : event[plan.payloadKey];
    const bytes = typeof payload === "string" ? Buffer.byteLength(payload) : 0;
    const type =
      plan.way === undefined || plan.typeKey === undefined ? undefined : this.type(String(event[plan.typeKey]));
    if (!this.event(boot, plan, { ms, eventSeq, owner, number, reason, bytes }, type)) return;
    if (wall !== undefined) {
      boot.firstWall ??= wall.unixMs;
      boot.lastWall = wall.unixMs;
    }
    for (const { key, kind } of plan.values) {
      const value = event[key];
      if (value === undefined) continue;
      if (kind === "word") this.word(key, String(value));
      else if (typeof value === "number") this.number(key, value, kind === "int");
    }
  }

  gap(boot: BootStats, causes: Gap | undefined, missing: number): void {
    if (boot.isDouble) return;
    if (causes === undefined) {
      boot.missing += missing;
      this.#lost.missing += missing;
      return;
    }
    for (const cause of ["lostOnDevice", "lostInTransit", "beforeFirstPacket"] as const) {
      boot[cause] += causes[cause];
      this.#lost[cause] += causes[cause];
    }
  }

  result(): Statistics {
    for (const boot of this.#live.values()) {
      this.#close(boot);
      boot.spans.close();
    }
    this.#live.clear();
    const events: Record<string, number> = {};
    for (const plans of this.#plans.values())
      for (const { name, count } of plans.values()) events[name] = (events[name] ?? 0) + count;
    const schemaVersions = [...this.#plans].map(([{ schemaVersion, fingerprint }, plans]) => ({
      schemaVersion,
      fingerprint,
      events: [...plans.values()].reduce((sum, { count }) => sum + count, 0),
    }));
    const total = Object.values(events).reduce((sum, count) => sum + count, 0);
    const { durations, ...connections } = this.#connections;
    const client = ({ key, count }: { key: Client; count: number }): ClientRow => ({
      device: key.device ?? null,
      client: key.client,
      count,
    });
    const attributes: Record<string, Readonly<Record<string, number>> | Spread> = {};
    for (const [key, words] of this.#words) attributes[key] = Object.fromEntries(words);
    for (const [key, numbers] of this.#numbers) attributes[key] = numbers.spread();
    return {
      devices: this.#devices.size,
      boots: this.#listed.map(bootRow),
      unlistedBoots: this.#unlisted,
      schemaVersions,
      events,
      perSecond: this.#activeMs === 0 ? 0 : (total * 1000) / this.#activeMs,
      lost: this.#lost,
      connections: { ...connections, durationMs: durations.spread() },
      rejections: {
        total: [...this.#reasons.values()].reduce((sum, count) => sum + count, 0),
        byReason: Object.fromEntries([...this.#reasons].sort((a, b) => b[1] - a[1])),
        byClient: this.#rejectedClients.greatest(MOST_TOP).map(client),
      },
      messageTypes: [...this.#types]
        .map(([type, { answers, ...sums }]) => ({ type, ...sums, answerMs: answers.spread() }))
        .sort((a, b) => b.received + b.sent - a.received - a.sent),
      busiest: {
        clients: this.#clients.greatest(MOST_TOP).map(client),
        seconds: this.#seconds.map(({ boot, second, events: count }) => ({
          device: boot.place.device ?? null,
          boot: boot.place.boot ?? null,
          second,
          time: boot.firstWall === undefined ? null : (timeText(boot.firstWall + second * 1000 - boot.firstMs) ?? null),
          events: count,
        })),
      },
      attributes,
      repeatedByReaders: this.#repeated,
      isRough: this.#clients.isRough || this.#rejectedClients.isRough,
    };
  }

  #endClients({ place: { device }, clients }: BootStats): void {
    for (const [owner, { events, rejected }] of clients) {
      const client = owner as number | string;
      const key = JSON.stringify([client, device]);
      this.#clients.add(key, () => ({ device, client }), events);
      if (rejected > 0) this.#rejectedClients.add(key, () => ({ device, client }), rejected);
    }
    clients.clear();
  }

  #close(boot: BootStats): void {
    this.#endClients(boot);
    this.#endSecond(boot);
    boot.secondEvents = 0;
    if (boot.events > 0) this.#activeMs += boot.lastMs - boot.firstMs;
  }

  #endSecond(boot: BootStats): void {
    const { second, secondEvents: events } = boot;
    boot.secondEvents = 0;
    const least = this.#seconds.at(-1);
    if (events === 0 || (this.#seconds.length >= MOST_SECONDS && events <= least!.events)) return;
    this.#seconds.push({ boot, second, events });
    this.#seconds = this.#seconds.sort((a, b) => b.events - a.events).slice(0, MOST_SECONDS);
  }
}

function newBoot(place: ReadPlace, isDouble: boolean, sums: ConnectionSums): BootStats {
  return {
    place,
    isDouble,
    events: 0,
    nextSeq: 0,
    firstMs: 0,
    lastMs: 0,
    firstWall: undefined,
    lastWall: undefined,
    lostOnDevice: 0,
    lostInTransit: 0,
    beforeFirstPacket: 0,
    missing: 0,
    reset: undefined,
    packetSums: { packets: 0, bytes: 0, mostRingFill: -1 },
    second: -1,
    secondEvents: 0,
    clients: new Map(),
    spans: new Spans(sums),
  };
}

function bootRow(boot: BootStats): BootRow {
  const { place, packetSums, lostOnDevice, lostInTransit, beforeFirstPacket, missing } = boot;
  const time = (unixMs: number | undefined) => (unixMs === undefined ? null : (timeText(unixMs) ?? null));
  return {
    device: place.device ?? null,
    boot: place.boot ?? null,
    bootId: place.bootId ?? null,
    from: time(boot.firstWall),
    to: time(boot.lastWall),
    fromMs: boot.firstMs,
    toMs: boot.lastMs,
    events: boot.events,
    lost: { lostOnDevice, lostInTransit, beforeFirstPacket, missing },
    packets: packetSums.packets,
    bytes: packetSums.bytes,
    ringFill: packetSums.mostRingFill < 0 ? null : packetSums.mostRingFill,
    reset: boot.reset ?? null,
  };
}
