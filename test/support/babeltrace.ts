/** Runs babeltrace2 on trace folders and parses its text output, which is compared with the result of decode. */
import { spawnSync } from "node:child_process";

export interface BabeltraceEvent {
  /** To the millisecond, since boot. */
  readonly timeMs: number;
  readonly name: string;
  /** The packet's: boot_id, first_event_seq, … */
  readonly context: Readonly<Record<string, string | number>>;
  /** An enum as its label; null if it has none. */
  readonly fields: Readonly<Record<string, string | number | null>>;
}

export interface BabeltraceOutput {
  readonly events: readonly BabeltraceEvent[];
  /** Lines on standard error that report losses. */
  readonly notices: readonly string[];
  /** All other lines on standard error: there must be none. */
  readonly complaints: readonly string[];
}

/** It says "may have" for a part after losses in earlier parts: no number of those is known in it. */
const NOTICE = /^WARNING: Tracer (?:discarded \d+ (?:events?|packets?)|may have discarded events) between /;

/** Opens folders with babeltrace2. Throws if it is not installed, fails, or writes unreadable output. */
export function babeltrace(...paths: string[]): BabeltraceOutput {
  const { status, stdout, stderr, error } = spawnSync("babeltrace2", ["--clock-seconds", "--no-delta", ...paths], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
    env: { ...process.env, BABELTRACE_TERM_COLOR: "never", LC_ALL: "C.UTF-8" },
  });
  if (error) throw new Error(`babeltrace2 does not run: apt-get install babeltrace2 (${error.message})`);
  if (status !== 0) throw new Error(`babeltrace2 ${paths.join(" ")} ends with ${status}: ${stderr}`);
  const said = stderr.split("\n").filter((line) => line !== "");
  return {
    events: new TextOutput(stdout).events(),
    notices: said.filter((line) => NOTICE.test(line)),
    complaints: said.filter((line) => !NOTICE.test(line)),
  };
}

const ESCAPES: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, e: 27 };

/**
 * A parser of the text that the sink `text.pretty` writes, one event a line:
 * `[12.345000000] name: { key = value, … }, { key = value, … }`, where a value is a number, a string in quotes, or an enum
 * as `( "label" : container = 1 )` or `( <unknown> : container = 1 )`. Text may hold any character but a line's end.
 */
class TextOutput {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  events(): BabeltraceEvent[] {
    const events: BabeltraceEvent[] = [];
    while (this.#at < this.#text.length) {
      this.#expect("[");
      const [, seconds, fraction] = this.#match(/(\d+)\.(\d{9})/y);
      this.#expect("] ");
      const [, name] = this.#match(/(.+?): (?=\{)/y);
      const context = this.#struct();
      this.#expect(", ");
      const fields = this.#struct();
      this.#expect("\n");
      const timeMs = Number(seconds) * 1000 + Math.round(Number(fraction) / 1e6);
      events.push({ timeMs, name: name!, context: context as BabeltraceEvent["context"], fields });
    }
    return events;
  }

  #struct(): Record<string, string | number | null> {
    const values: Record<string, string | number | null> = {};
    this.#expect("{ ");
    while (!this.#accept("}")) {
      const [, key] = this.#match(/(\w+) = /y);
      values[key!] = this.#value();
      if (!this.#accept(", ")) this.#expect(" ");
    }
    return values;
  }

  #value(): string | number | null {
    if (this.#text[this.#at] === '"') return this.#string();
    if (!this.#accept("( ")) return Number(this.#match(/0x[0-9A-F]+|-?\d+(?:\.\d+)?(?:e[+-]\d+)?/y)[0]);
    const label = this.#accept("<unknown>") ? null : this.#string();
    this.#match(/ : container = \d+ \)/y);
    return label;
  }

  #string(): string {
    const [whole] = this.#match(/"(?:[^"\\\n]|\\.)*"/y);
    return whole.slice(1, -1).replace(/\\(x[0-9a-f]{2}|.)/g, (_, escaped: string) => {
      if (escaped.length === 3) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      return escaped in ESCAPES ? String.fromCharCode(ESCAPES[escaped]!) : escaped;
    });
  }

  #accept(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) this.#fail(JSON.stringify(text));
  }

  #match(pattern: RegExp): RegExpExecArray {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) this.#fail(String(pattern));
    this.#at = pattern.lastIndex;
    return match;
  }

  #fail(expected: string): never {
    throw new Error(
      `babeltrace2's output at ${this.#at}: expected ${expected}: ${this.#text.slice(this.#at, this.#at + 200)}`,
    );
  }
}
