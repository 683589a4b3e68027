/** HAR 1.2, as browsers write WebSocket traffic: an entry for each connection, with its messages. */
import { keyFrom } from "../migrate/steps.ts";
import { bootText } from "../packet/boot-record.ts";
import type { RegistryModel, SpanRole } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { wellFormed } from "../text/well-formed.ts";
import type { BootItem, Exporter } from "./exporter.ts";
import type { ExportOutput } from "./output.ts";
import type { ExportBoot, ExportEvent, Values } from "./source.ts";

/** A longer connection continues in another entry: this limits what is held of one. */
const MOST_MESSAGES = 10_000;
/** The range of a JavaScript date. */
const MOST_MS = 8.64e15;
const TEXT = 1;
const NO_OPCODE = -1;

interface Message {
  /** As the client sees it: the device is the server. */
  readonly type: "send" | "receive" | "error";
  /** Seconds since 1970. */
  readonly time: number;
  readonly opcode: number;
  readonly data: string;
  readonly _attributes?: Values;
}

interface Entry {
  readonly boot: ExportBoot;
  readonly name: string;
  readonly fromMs: number;
  toMs: number;
  /** Its connect, handshakes and disconnect. */
  readonly events: Values[];
  connectedMs?: number;
  messages: Message[];
  comment: string;
}

interface BootEntries {
  readonly fromMs: number;
  readonly isTimed: boolean;
  lastMs: number;
  readonly open: Map<string, Entry>;
  lost: Entry | undefined;
  missing: number;
}

export class HarExporter implements Exporter {
  readonly #path: string;
  readonly #output: ExportOutput;
  readonly #nameKey: string;
  readonly #roles: ReadonlyMap<string, SpanRole | undefined>;
  readonly #dataKeys: readonly string[];
  readonly #boots = new Map<ExportBoot, BootEntries>();
  /** What is missing before the first event of a boot. */
  readonly #early = new Map<ExportBoot, number>();
  #hasEntries = false;
  #others = 0;

  constructor(path: string, output: ExportOutput, registry: RegistryModel) {
    this.#path = path;
    this.#output = output;
    this.#nameKey = keyFrom(registry, "event_name");
    this.#roles = new Map(registry.events.map(({ name, span }) => [name, span]));
    this.#dataKeys = ["lw.msg.payload_summary", "lw.msg.type"].flatMap(
      (otel) => registry.attributes.find(({ otelName }) => otelName === otel)?.key ?? [],
    );
    output.write('{"log":{"version":"1.2","creator":{"name":"xs-telemetry","version":"1"},"entries":[');
  }

  get problems(): readonly Problem[] {
    const count = this.#others;
    if (count === 0) return [];
    const message = `${count} ${count === 1 ? "event is" : "events are"} not WebSocket traffic, which HAR cannot hold: not exported`;
    return [{ code: "W_NO_WEBSOCKET", message, count }];
  }

  async add(items: readonly BootItem[]): Promise<void> {
    for (const item of items)
      if (item.kind === "event") this.#event(item);
      else if (item.kind === "gap") this.#gap(item.boot, item.missing);
    await this.#output.room();
  }

  async finish(): Promise<readonly string[]> {
    for (const [boot, missing] of this.#early) this.#lost(this.#entriesOf(boot, 0, false), boot, 0, missing);
    for (const { open, lost } of this.#boots.values()) {
      for (const entry of open.values()) {
        entry.comment ||= "still open at the end of the recording";
        this.#write(entry);
      }
      if (lost !== undefined) this.#write(lost);
    }
    const pages = [...this.#boots].map(([boot, { fromMs, isTimed, missing }]) => ({
      id: pageOf(boot),
      startedDateTime: dateOf(fromMs),
      title: wellFormed(`${boot.device ?? "a device without a name"}: boot ${boot.boot ?? "with an unknown number"}`),
      pageTimings: {},
      comment: [
        boot.reset && `after: ${bootText(boot.reset)}`,
        !isTimed && "the time of day is unknown: times are since boot",
        missing > 0 && `${missing} events lost`,
      ]
        .filter((each) => each)
        .join("; "),
    }));
    this.#output.write(`],"pages":${JSON.stringify(pages)}}}\n`);
    await this.#output.finish();
    return [this.#path];
  }

  async abandon(): Promise<void> {
    await this.#output.abandon();
  }

  #gap(boot: ExportBoot, missing: number): void {
    const entries = this.#boots.get(boot);
    // Its time is unknown before the boot's first event.
    if (entries === undefined) this.#early.set(boot, (this.#early.get(boot) ?? 0) + missing);
    else this.#lost(entries, boot, entries.lastMs, missing);
  }

  #lost(entries: BootEntries, boot: ExportBoot, ms: number, missing: number): void {
    entries.missing += missing;
    entries.lost ??= newEntry(boot, "lost-events", ms);
    entries.lost.toMs = Math.max(entries.lost.toMs, ms);
    entries.lost.messages.push({ type: "error", time: ms / 1000, opcode: NO_OPCODE, data: `${missing} events lost` });
    if (entries.lost.messages.length < MOST_MESSAGES) return;
    this.#write(entries.lost);
    entries.lost = undefined;
  }

  #event({ boot, event, deviceMs, unixMs }: ExportEvent): void {
    const ms = Math.max(0, Math.min(unixMs ?? deviceMs, MOST_MS));
    const entries = this.#entriesOf(boot, ms, unixMs !== undefined);
    entries.lastMs = ms;
    const early = this.#early.get(boot);
    if (early !== undefined) {
      this.#early.delete(boot);
      this.#lost(entries, boot, ms, early);
    }
    const name = String(event[this.#nameKey]);
    const role = this.#roles.get(name);
    const isMessage = name === "msg.recv" || name === "msg.send";
    if (role === undefined || (role.step === "inside" && !isMessage)) {
      this.#others++;
      return;
    }
    const key = role.keys.map((each) => `${event[each]}`).join("/");
    let entry = entries.open.get(key);
    if (role.step === "begin" && entry !== undefined) {
      this.#write(entry);
      entry = undefined;
    }
    if (entry === undefined) {
      entry = newEntry(boot, key, ms);
      if (role.step !== "begin") entry.comment = "it began before the recording";
      entries.open.set(key, entry);
    }
    // If the clock was set back, it would end before its beginning.
    entry.toMs = Math.max(entry.toMs, ms);
    if (isMessage) {
      const said = this.#dataKeys.map((each) => event[each]).find((each) => each !== undefined);
      const type = name === "msg.recv" ? "send" : "receive";
      entry.messages.push({ type, time: ms / 1000, opcode: TEXT, data: String(said ?? ""), _attributes: event });
      if (entry.messages.length < MOST_MESSAGES) return;
      this.#write(entry);
      entries.open.set(key, { ...newEntry(boot, key, ms), comment: "continues the previous entry" });
      return;
    }
    entry.events.push(event);
    if (role.step === "ready") entry.connectedMs ??= entry.toMs;
    if (role.step !== "end") return;
    this.#write(entry);
    entries.open.delete(key);
  }

  #entriesOf(boot: ExportBoot, ms: number, isTimed: boolean): BootEntries {
    let entries = this.#boots.get(boot);
    if (entries === undefined) {
      entries = { fromMs: ms, isTimed, lastMs: ms, open: new Map(), lost: undefined, missing: 0 };
      this.#boots.set(boot, entries);
    }
    return entries;
  }

  #write({ boot, name, fromMs, toMs, events, connectedMs, messages, comment }: Entry): void {
    const wait = connectedMs === undefined ? 0 : connectedMs - fromMs;
    const isUp = connectedMs !== undefined || messages.length > 0;
    const sizes = { headersSize: -1, bodySize: -1 };
    const shared = { httpVersion: "HTTP/1.1", cookies: [], headers: [], ...sizes };
    const url = `ws://${encodeURIComponent(wellFormed(boot.device ?? "device"))}/${name.split("/").map(encodeURIComponent).join("/")}`;
    const entry = {
      pageref: pageOf(boot),
      startedDateTime: dateOf(fromMs),
      time: toMs - fromMs,
      request: { method: "GET", url, queryString: [], ...shared },
      response: {
        status: isUp ? 101 : 0,
        statusText: isUp ? "Switching Protocols" : "",
        content: { size: 0, mimeType: "x-unknown" },
        redirectURL: "",
        ...shared,
      },
      cache: {},
      timings: { send: 0, wait, receive: toMs - fromMs - wait },
      ...(comment !== "" && { comment }),
      _events: events,
      _resourceType: "websocket",
      _webSocketMessages: messages,
    };
    const text = JSON.stringify(entry, (_, value) => (typeof value === "string" ? wellFormed(value) : value));
    this.#output.write(this.#hasEntries ? `,\n${text}` : `\n${text}`);
    this.#hasEntries = true;
  }
}

function newEntry(boot: ExportBoot, name: string, ms: number): Entry {
  return { boot, name: wellFormed(name), fromMs: ms, toMs: ms, events: [], messages: [], comment: "" };
}

function pageOf({ index }: ExportBoot): string {
  return `boot-${index + 1}`;
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString();
}
