/** Collects what a board says while it runs examples/selftest: a line of JSON a case, among other lines of a log. */
import { visible } from "../text/lines.ts";

/** How a case went on the board. */
export interface SelftestCase {
  /** Which of the specs it is of, such as xs-vectors. */
  readonly spec: string;
  readonly title: string;
  /** What was wrong; "" if nothing was. */
  readonly error: string;
  /** Why it cannot run there. */
  readonly note?: string;
}

/** Text that begins as a line of a self-test does, whatever stands before it. */
const BEGINNING = /\{"selftest":/;
const MOST_CASES = 100_000;
/** Of them the first ones are kept; the others are counted. */
const MOST_FAULTS = 20;

const isText = (value: unknown): value is string => typeof value === "string";

/**
 * One run, from lines as they come. Holds counts, and the case that came last. Lines before the run begins are those of one that was
 * joined late: passed over.
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

  /** The case that came last, for people. */
  get last(): string {
    return this.#last;
  }

  get counts(): { readonly passed: number; readonly failed: number; readonly noted: number } {
    return { passed: this.#passed, failed: this.#failed, noted: this.#noted };
  }

  /** What is wrong with the run itself: a restart, lines that were lost. Empty if nothing is. */
  get faults(): readonly string[] {
    return this.#moreFaults === 0 ? this.#faults : [...this.#faults, `${this.#moreFaults} more of these`];
  }

  /** Takes one line of the log. True if it was one of the self-test. */
  take(line: string): boolean {
    if (this.#state === "complete") return false;
    const at = line.search(BEGINNING);
    if (at < 0) return false;
    let value: Record<string, unknown>;
    try {
      value = JSON.parse(line.slice(at, line.lastIndexOf("}") + 1));
    } catch {
      if (this.#state === "running") this.#fault(`a line that is no JSON: ${visible(line.slice(at, at + 80))}`);
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
      this.#fault(`the board restarted after ${this.#last === "" ? "it had begun" : visible(this.#last)}: see its log`);
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
      else if (this.#passed + this.#failed === 0) this.#fault("none of the cases can run there, so nothing is proven");
      this.#state = "complete";
    } else if (selftest !== "spec")
      this.#fault(`a line that is not a self-test's: ${visible(JSON.stringify(value)).slice(0, 120)}`);
  }
}
