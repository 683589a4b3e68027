/** Decoded events as lines for people. */
import type picocolors from "picocolors";
import type { Attribute, EventModel, RegistryModel } from "../registry/model.ts";
import { quote, visible } from "../text/lines.ts";

type Colors = ReturnType<typeof picocolors.createColors>;

/** An event of any registry. */
type AnyEvent = Readonly<Record<string, unknown>>;

/** What an attribute says without its name: a word. Everything else has its name with it, or quotes. */
const WORD = /^[\p{L}\p{N}_.:/-]+$/u;

/**
 * `7/0  msg.recv  getStatus rejected rate_limit  {"type":"getStatus"}`: time since boot; what tells one connection
 * from others; the event; enums and message types as words; numbers by name; texts last. What comes from the network is shown
 * such that a terminal obeys nothing of it and one value cannot pass for two.
 */
export class EventText {
  readonly #colors: Colors;
  readonly #attributes: ReadonlyMap<string, Attribute>;
  readonly #events: ReadonlyMap<string, EventModel>;
  readonly #nameChars: number;
  readonly #timeKey: string;
  readonly #nameKey: string;
  readonly #keys: readonly string[];
  /** Of enums that say whether something went well: what they say then. */
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

  /** What stands before an event's own words: `client/epoch  event`, as wide as in rows. */
  get heading(): string {
    const keys = this.#keys.length === 0 ? "" : `${cut(this.#keys.join("/"), KEY_CHARS).padEnd(KEY_CHARS)}  `;
    return `${keys}event`;
  }

  /** Milliseconds since boot. */
  timeOf(event: AnyEvent): number {
    return Number(event[this.#timeKey]);
  }

  /** What a row says of an event after its time, in so many columns. */
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
      // What is no attribute stands after them: whose the event was, and when.
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
    // Texts have a column of their own, whether words stand before it or not.
    if (texts.length > 0) row.add(gap === "  " ? "    " : "  ");
    row.add(texts.join("  "));
    return row.text.trimEnd();
  }

  /** The same with the time since boot before it, without its end. */
  line(event: AnyEvent): string {
    return `${this.#colors.dim(sinceBoot(this.timeOf(event)))}  ${this.row(event)}`;
  }
}

/** Room for clients and connections below 100,000 of both together. */
const KEY_CHARS = 5;

/** Coloured text that ends where its columns do. */
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

/** Characters that a terminal shows two columns wide, and those that it puts over the one before. */
const WIDE =
  /[\p{Emoji_Presentation}\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\u3000-\u303f\uff01-\uff60]/u;
const NO_WIDTH = /[\p{Mn}\p{Me}]/u;
/** Text of these alone has as many columns as characters. */
const PLAIN = /^[\x20-\x7e]*$/;

/** Columns that a terminal takes for text without control characters. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

function columnsOf(character: string): number {
  return NO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Text in at most so many columns: what is cut ends in "…". */
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
