/** The numbers of events in JSON lines: where some are missing, and where they are not in order. */

/** Most boots whose numbers are followed. */
const MOST_FOLLOWED = 16_384;

interface Followed {
  /** The number of the next event. */
  next: number;
  deviceMs: number;
  /** A number went back: what is missing cannot be told any more. */
  isDisordered: boolean;
}

/** What a number says: how many events are missing before it, or that it went back from another. */
export type Step = { readonly missing: number } | { readonly from: number };

/** Follows the numbers of each boot, or of lines that do not name one. Memory: a little for each of 16,384 boots. */
export class LineNumbers {
  readonly #boots = new Map<string, Followed>();

  /**
   * Takes the number of an event, and its time since boot, NaN if unknown. `boot`: what names it; `isNamed`: by an id,
   * so that no other boot has the same name. Without one, a number and a time that both go back begin another boot.
   * Reports for each boot only the first number that goes back; nothing is missing there any more.
   */
  step(boot: string, isNamed: boolean, number: number, deviceMs: number): Step {
    const followed = this.#boots.get(boot);
    if (followed === undefined) {
      if (this.#boots.size >= MOST_FOLLOWED) this.#boots.delete(this.#boots.keys().next().value!);
      this.#boots.set(boot, { next: number + 1, deviceMs, isDisordered: false });
      return { missing: 0 };
    }
    const { next, isDisordered } = followed;
    const isAnotherBoot = number < next && !isNamed && deviceMs < followed.deviceMs;
    followed.next = number + 1;
    followed.deviceMs = deviceMs;
    if (isAnotherBoot) followed.isDisordered = false;
    else if (isDisordered) return { missing: 0 };
    else if (number < next) {
      followed.isDisordered = true;
      return { from: next - 1 };
    }
    return { missing: isAnotherBoot ? 0 : number - next };
  }
}
