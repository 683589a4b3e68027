/** Decoded events as lines for people. */
import type picocolors from "picocolors";
import type { DecodedEvent } from "../packet/records.ts";
import type { Attribute, EventModel, RegistryModel } from "../registry/model.ts";
import { quote, visible } from "../text/lines.ts";

type Colors = ReturnType<typeof picocolors.createColors>;

/** What an attribute says without its name: a word. Everything else has its name with it, or quotes. */
const WORD = /^[\p{L}\p{N}_.:/-]+$/u;

/**
 * `+00:01:11.324  7/0  msg.recv  getStatus rejected rate_limit  {"type":"getStatus"}`: time since boot; what tells one connection
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

  /** What stands before the event, in words. */
  get heading(): string {
    const keys = this.#keys.length === 0 ? "" : `  ${this.#keys.join("/")}`;
    return `since boot${keys}  event`;
  }

  /** Milliseconds since boot. */
  timeOf(event: DecodedEvent): number {
    return Number((event as unknown as Readonly<Record<string, unknown>>)[this.#timeKey]);
  }

  /** One line, without its end. */
  line(event: DecodedEvent): string {
    const { bold, dim, red } = this.#colors;
    const values = event as unknown as Readonly<Record<string, string | number | boolean>>;
    const name = String(values[this.#nameKey]);
    const keys = this.#events.get(name)?.span?.keys ?? [];
    const words: string[] = [];
    const texts: string[] = [];
    for (const [key, value] of Object.entries(values)) {
      const attribute = this.#attributes.get(key);
      const isKnown = attribute === undefined || attribute.from !== undefined || attribute.value !== undefined;
      if (isKnown || keys.includes(key)) continue;
      if (typeof value !== "string") words.push(`${dim(`${key}=`)}${value}`);
      else if (attribute.type === "enum")
        words.push((this.#goodValues.get(key) ?? value) === value ? value : red(value));
      else if (attribute.maxBytes !== undefined) texts.push(visible(value));
      else words.push(WORD.test(value) ? value : quote(value));
    }
    const parts = [dim(sinceBoot(Number(values[this.#timeKey])))];
    if (this.#keys.length > 0)
      parts.push(
        keys
          .map((key) => String(values[key]))
          .join("/")
          .padEnd(5),
      );
    parts.push(bold(name.padEnd(this.#nameChars)));
    parts.push(words.filter((word) => word !== "").join(" "));
    if (texts.length > 0) parts.push(texts.join("  "));
    return parts.join("  ").trimEnd();
  }
}

/** `+1d 02:03:04.567`: milliseconds since boot. */
export function sinceBoot(ms: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(ms / 86_400_000);
  const time = `${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
  return `+${days > 0 ? `${days}d ` : ""}${time}`;
}
