/** Numbers that look random and follow from a seed: the same on every machine. Not for secrets. */
export class Random {
  #state: number;

  /** Any integer; its low 32 bits count. */
  constructor(seed: number) {
    this.#state = seed | 0;
    // Seeds that are neighbours would else begin alike.
    for (let round = 0; round < 4; round++) this.uint32();
  }

  /** 0 to 2^32 - 1: a Weyl sequence, each step scrambled by the finisher of MurmurHash3. */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  }

  /** 0 <= result < 1 */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** 0 <= result < count */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** True so often of 1. */
  chance(share: number): boolean {
    return this.fraction() < share;
  }

  /** What lies between two events that have nothing to do with each other; 0 or more. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  /** One of the items, as often as their weights say. Their weights are above 0. */
  pick<Item extends { readonly weight: number }>(items: readonly Item[]): Item {
    let left = this.fraction() * items.reduce((sum, { weight }) => sum + weight, 0);
    for (const item of items) {
      left -= item.weight;
      if (left < 0) return item;
    }
    return items[items.length - 1]!;
  }
}
