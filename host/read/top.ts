/** Number of keys that are counted separately. */
const MOST_KEYS = 20_000;

/**
 * Counts by key, to find the greatest. Exact for up to 20,000 keys; beyond that, keys with low counts are dropped now
 * and then.
 */
export class Top<Key> {
  readonly #counts = new Map<string, { readonly key: Key; count: number }>();
  /** Keys were dropped: counts may be too low. */
  isRough = false;

  add(text: string, key: () => Key, count = 1): void {
    const known = this.#counts.get(text);
    if (known !== undefined) {
      known.count += count;
      return;
    }
    if (this.#counts.size >= MOST_KEYS) this.#drop();
    this.#counts.set(text, { key: key(), count });
  }

  greatest(most: number): { readonly key: Key; readonly count: number }[] {
    return [...this.#counts.values()].sort((a, b) => b.count - a.count).slice(0, most);
  }

  #drop(): void {
    this.isRough = true;
    const kept = [...this.#counts].sort(([, a], [, b]) => b.count - a.count).slice(0, MOST_KEYS / 2);
    this.#counts.clear();
    for (const [text, value] of kept) this.#counts.set(text, value);
  }
}
