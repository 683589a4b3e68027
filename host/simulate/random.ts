/** Numbers that look random and are determined by a seed: the same on every machine. Not for secrets. */
export class Random {
  #a: number;
  #b: number;
  #c = 0x9e3779b9;
  #counter = 1;

  /** Integers; their low 32 bits count. Each `stream` of a seed has its own numbers. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    for (let round = 0; round < 16; round++) this.uint32(); // until each bit of both has affected all others
  }

  /** 0 to 2^32 - 1: sfc32, chaotic with a counter, of 128 bits of state. */
  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** 0 <= result < 1 */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** 0 <= result < count */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** True with this probability. */
  chance(share: number): boolean {
    return this.fraction() < share;
  }

  /** The time between two independent events; 0 or more. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  /** One of the items, with probabilities proportional to their weights, which are above 0. */
  pick<Item extends { readonly weight: number }>(items: readonly Item[]): Item {
    let left = this.fraction() * items.reduce((sum, { weight }) => sum + weight, 0);
    for (const item of items) {
      left -= item.weight;
      if (left < 0) return item;
    }
    return items[items.length - 1]!;
  }
}
