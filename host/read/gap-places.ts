/** Where events are missing: a packet reports how many, and the events' numbers say between which. */
import type { Gap } from "../decode/types.ts";

interface Losses {
  /** The number of the event that comes next; -1 before the first event. */
  next: number;
  lostOnDevice: number;
  lostInTransit: number;
  beforeFirstPacket: number;
}

const CAUSES = ["beforeFirstPacket", "lostInTransit", "lostOnDevice"] as const;

/** Returns how many events are missing. */
export function missingOf(gap: Gap): number {
  return gap.lostOnDevice + gap.lostInTransit + gap.beforeFirstPacket;
}

/** Follows any number of boots. Memory: a little for each boot. */
export class GapPlaces<Boot> {
  readonly #boots = new Map<Boot, Losses>();

  /** What a packet reports: its place is before, among or after the events of that packet, or before those of the next. */
  add(boot: Boot, gap: Gap): void {
    const losses = this.#of(boot);
    for (const cause of CAUSES) losses[cause] += gap[cause];
  }

  /**
   * Returns what is missing right before an event, by its number; undefined for nothing. What is missing before a
   * packet comes before what its own device lost among its events.
   */
  before(boot: Boot, eventSeq: number): Gap | undefined {
    const losses = this.#of(boot);
    let left = eventSeq - Math.max(0, losses.next);
    losses.next = eventSeq + 1;
    if (left <= 0 || missingOf(losses) === 0) return undefined;
    const gap = { lostOnDevice: 0, lostInTransit: 0, beforeFirstPacket: 0 };
    for (const cause of CAUSES) {
      const taken = Math.min(left, losses[cause]);
      gap[cause] = taken;
      losses[cause] -= taken;
      left -= taken;
    }
    return gap;
  }

  /** Returns, and forgets, what is missing after the last event of each boot. */
  rest(): [boot: Boot, gap: Gap][] {
    const rest = [...this.#boots]
      .filter(([, losses]) => missingOf(losses) > 0)
      .map(([boot, { lostOnDevice, lostInTransit, beforeFirstPacket }]): [Boot, Gap] => [
        boot,
        { lostOnDevice, lostInTransit, beforeFirstPacket },
      ]);
    this.#boots.clear();
    return rest;
  }

  #of(boot: Boot): Losses {
    let losses = this.#boots.get(boot);
    if (losses === undefined) {
      losses = { next: -1, lostOnDevice: 0, lostInTransit: 0, beforeFirstPacket: 0 };
      this.#boots.set(boot, losses);
    }
    return losses;
  }
}
