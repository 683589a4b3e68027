/** Decoded events as text for people. */
import type picocolors from "picocolors";
import type { Attribute, EventModel, RegistryModel } from "../registry/model.ts";
import { quote, visible } from "../text/lines.ts";

type Colors = ReturnType<typeof picocolors.createColors>;

/** An event of any registry. */
type AnyEvent = Readonly<Record<string, unknown>>;

/** Attributes that are shown as a word, without their names. All others have their names, or quotes. */
const WORD = /^[\p{L}\p{N}_.:/-]+$/u;

/**
 * `7/0 msg.recv getStatus rejected rate_limit {"type":"getStatus"}`: time since boot; what distinguishes the
 * connection; the event; enums and message types as words; numbers with names; texts last. Text from the network is
 * escaped, so that a terminal obeys none of it and one value cannot look like two.
 */
export class EventText {
  readonly #colors: Colors;
  readonly #attributes: ReadonlyMap<string, Attribute>;
  readonly #events: ReadonlyMap<string, EventModel>;
  readonly #nameChars: number;
  readonly #timeKey: string;
  readonly #nameKey: string;
  readonly #keys: readonly string[];
  /** For enums that say whether something succeeded: their values for success. */
  readonly #goodValues = new Map<string, string>();

  constructor(registry: RegistryModel, colors: Colors) {
    this.#colors = colors;
    this.#attributes = new Map(registry.attributes.map((attribute) => [attribute.key, attribute]));
    this.#events = new Map(registry.events.map((event) => [event.name, event]));
    this.#nameChars = Math.max(...registry.events.map(({ name }) => name.length));
    this.#timeKey = registry.attributes.find(({ from }) => from === "time")?.key ?? "";
    this.#nameKey = registry.attributes.find(({ from }) => from === "event_name")?.key ?? "";
    this.#keys = registry.events.find(({ span }) => span !== undefined)?.span?.keys ?? [];
    for (const { key, emptyExactlyWhen: rule } of registry.attributes)
      if (rule !== undefined) this.#goodValues.set(key, "").set(rule.key, rule.value);
  }

  /** What precedes an event's own words: `client/epoch  event`, as wide as in rows. */
  get heading(): string {
    const keys = this.#keys.length === 0 ? "" : `${cut(this.#keys.join("/"), KEY_CHARS).padEnd(KEY_CHARS)}  `;
    return `${keys}event`;
  }

  /** Milliseconds since boot. */
  timeOf(event: AnyEvent): number {
    return Number(event[this.#timeKey]);
  }

  /** The part of a row after its time, in this many columns. */
  row(event: AnyEvent, columns = Number.POSITIVE_INFINITY): string {
    const { bold, dim, red } = this.#colors;
    const name = String(event[this.#nameKey]);
    const keys = this.#events.get(name)?.span?.keys ?? [];
    const row = new Columns(columns);
    if (this.#keys.length > 0) {
      const said = keys.map((key) => visible(String(event[key]))).join("/");
      row.add(`${said.padEnd(KEY_CHARS)}  `);
    }
    row.add(visible(name).padEnd(this.#nameChars), bold);
    const texts: string[] = [];
    let gap = "  ";
    for (const [key, value] of Object.entries(event)) {
      const attribute = this.#attributes.get(key);
      // Members that are not attributes come after them: which device the event belongs to, and when it was.
      const isKnown = attribute === undefined || attribute.from !== undefined || attribute.value !== undefined;
      if (isKnown || keys.includes(key)) continue;
      if (typeof value === "string" && attribute.type !== "enum" && attribute.maxBytes !== undefined) {
        texts.push(visible(value));
        continue;
      }
      if (value === "" && attribute.type === "enum") continue;
      row.add(gap);
      gap = " ";
      if (typeof value !== "string") row.add(`${key}=`, dim).add(visible(String(value)));
      else if (attribute.type === "enum")
        row.add(visible(value), (this.#goodValues.get(key) ?? value) === value ? undefined : red);
      else row.add(WORD.test(value) ? value : quote(value));
    }
    // Texts have a column of their own, with or without words before it.
    if (texts.length > 0) row.add(gap === "  " ? "    " : "  ");
    row.add(texts.join("  "));
    return row.text.trimEnd();
  }

  /** The same with the time since boot before it, not cut. */
  line(event: AnyEvent): string {
    return `${this.#colors.dim(sinceBoot(this.timeOf(event)))}  ${this.row(event)}`;
  }
}

/** Room for client and connection numbers that are both below 100,000. */
const KEY_CHARS = 5;

/** Coloured text that ends at its last column. */
class Columns {
  text = "";
  #left: number;

  constructor(columns: number) {
    this.#left = columns;
  }

  add(plain: string, color: (text: string) => string = String): this {
    if (this.#left <= 0) return this;
    const shown = cut(plain, this.#left);
    this.#left -= widthOf(shown);
    this.text += shown.trim() === "" ? shown : color(shown);
    return this;
  }
}

/** Characters that a terminal shows two columns wide, and characters that it combines with the previous one. */
const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;
/** Text of only these has as many columns as characters. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Returns the columns that a terminal needs for text without control characters. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

function columnsOf(character: string): number {
  return NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Text in at most this many columns: cut text ends in "…". */
export function cut(text: string, columns: number): string {
  if (text.length <= columns && PLAIN.test(text)) return text;
  if (widthOf(text) <= columns) return text;
  let left = columns - 1;
  let shown = "";
  for (const character of text) {
    left -= columnsOf(character);
    if (left < 0) break;
    shown += character;
  }
  return columns < 1 ? "" : `${shown}…`;
}

/** `+1d 02:03:04.567`: milliseconds since boot. */
export function sinceBoot(ms: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(ms / 86_400_000);
  const time = `${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
  return `+${days > 0 ? `${days}d ` : ""}${time}`;
}
