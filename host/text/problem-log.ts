import type { Problem } from "./errors.ts";

/** Most kinds that are distinguished; beyond that, those of one code count as one. */
const MOST_KINDS = 100;
/** A kind that continues is reported again after this time. */
const AGAIN_MS = 10_000;

interface Kind {
  nextMs: number;
  /** Since it was last reported. */
  unsaid: number;
}

/**
 * Problems of a live source, which may send millions. A kind is a code of one device: its first problem is reported,
 * then one every ten seconds with the number of those between. Memory is bounded, whatever codes and devices come.
 */
export class ProblemLog {
  readonly #say: (problem: Problem, device: string | undefined) => void;
  readonly #kinds = new Map<string, Kind>();
  readonly #counts = new Map<string, number>();

  constructor(say: (problem: Problem, device: string | undefined) => void) {
    this.#say = say;
  }

  /** Takes a problem at a time. */
  add(problem: Problem, device: string | undefined, wallMs: number): void {
    const { code } = problem;
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1);
    const kind = this.#kind(device === undefined ? code : `${code} ${device}`) ?? this.#kind(code, true)!;
    if (wallMs < kind.nextMs) {
      kind.unsaid++;
      return;
    }
    const more = kind.unsaid === 0 ? "" : ` (and ${kind.unsaid} more like it since the last report)`;
    kind.nextMs = wallMs + AGAIN_MS;
    kind.unsaid = 0;
    this.#say({ ...problem, message: `${problem.message}${more}` }, device);
  }

  /** How often each code occurred, in order of first occurrence. */
  counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  /** Whether one was an error: E_… */
  get hasErrors(): boolean {
    return [...this.#counts.keys()].some((code) => code.startsWith("E_"));
  }

  #kind(key: string, isCode = false): Kind | undefined {
    let kind = this.#kinds.get(key);
    if (kind === undefined && (isCode || this.#kinds.size < MOST_KINDS)) {
      kind = { nextMs: Number.NEGATIVE_INFINITY, unsaid: 0 };
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}
