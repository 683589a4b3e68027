/**
 * Collects what a board prints while it runs examples/selftest: a line of JSON for each case, among other log lines.
 */
import { visible } from "../text/lines.ts";

/** The result of a case on the board. */
export interface SelftestCase {
  /** The spec that it belongs to, such as xs-vectors. */
  readonly spec: string;
  readonly title: string;
  /** What was wrong; "" if nothing was. */
  readonly error: string;
  /** Why it cannot run there. */
  readonly note?: string;
}

/** Text at the start of each self-test line, after any log prefix. */
const BEGINNING = /\{"selftest":/;
const MOST_CASES = 100_000;
/** The first ones are kept; the others are counted. */
const MOST_FAULTS = 20;

const isText = (value: unknown): value is string => typeof value === "string";

/**
 * One run, from lines as they arrive. Holds counts, and the last case. Lines before the run begins belong to a run that
 * was joined late: they are skipped.
 */
export class SelftestRun {
  readonly #onCase: (found: SelftestCase) => void;
  #state: "waiting" | "running" | "complete" = "waiting";
  #engine = "";
  #last = "";
  #passed = 0;
  #failed = 0;
  #noted = 0;
  #faults: string[] = [];
  #moreFaults = 0;

  constructor(onCase: (found: SelftestCase) => void) {
    this.#onCase = onCase;
  }

  get state(): "waiting" | "running" | "complete" {
    return this.#state;
  }

  /** Which chip and which emitter; "" before the run begins. */
  get engine(): string {
    return this.#engine;
  }

  /** The last case, for people. */
  get last(): string {
    return this.#last;
  }

  get counts(): { readonly passed: number; readonly failed: number; readonly noted: number } {
    return { passed: this.#passed, failed: this.#failed, noted: this.#noted };
  }

  /** What is wrong with the run itself: a restart, or lost lines. Empty if nothing is. */
  get faults(): readonly string[] {
    return this.#moreFaults === 0 ? this.#faults : [...this.#faults, `${this.#moreFaults} more of these`];
  }

  /** Takes one line of the log. Returns true if it was a line of the self-test. */
  take(line: string): boolean {
    if (this.#state === "complete") return false;
    const at = line.search(BEGINNING);
    if (at < 0) return false;
    let value: Record<string, unknown>;
    try {
      value = JSON.parse(line.slice(at, line.lastIndexOf("}") + 1));
    } catch {
      if (this.#state === "running") this.#fault(`a line that is not JSON: ${visible(line.slice(at, at + 80))}`);
      return true;
    }
    if (value.selftest === "begin") this.#begin(value);
    else if (this.#state === "running") this.#goOn(value);
    return true;
  }

  #fault(message: string): void {
    if (this.#faults.length < MOST_FAULTS) this.#faults.push(message);
    else this.#moreFaults++;
  }

  #begin({ engine, path }: Readonly<Record<string, unknown>>): void {
    if (this.#state === "running") {
      // It would do the same again, for ever.
      this.#fault(
        `the board restarted after ${this.#last === "" ? "the run began" : visible(this.#last)}: see its log`,
      );
      this.#state = "complete";
      return;
    }
    this.#state = "running";
    this.#engine = `${visible(String(engine))}, emitter ${visible(String(path))}`;
  }

  #goOn(value: Readonly<Record<string, unknown>>): void {
    const { selftest, spec, title, error, note, cases } = value;
    const ran = this.#passed + this.#failed + this.#noted;
    if (selftest === "case" && isText(spec) && isText(title) && isText(error) && ran < MOST_CASES) {
      this.#last = `${spec}: ${title}`;
      if (error !== "") this.#failed++;
      else if (isText(note)) this.#noted++;
      else this.#passed++;
      this.#onCase({ spec, title, error, ...(isText(note) && { note }) });
    } else if (selftest === "end" && Number.isInteger(cases)) {
      if (cases !== ran) this.#fault(`the board ran ${cases} cases, ${ran} arrived`);
      if (ran === 0) this.#fault("the board ran no case");
      else if (this.#passed + this.#failed === 0) this.#fault("no case can run on this board, so nothing is proven");
      this.#state = "complete";
    } else if (selftest !== "spec")
      this.#fault(`a line that is not from the self-test: ${visible(JSON.stringify(value)).slice(0, 120)}`);
  }
}
