/** LogRecords as OTLP's JSON: one request per line, as in files of OpenTelemetry's tools. */
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import { wellFormed } from "../text/well-formed.ts";
import type { BootItem, Exporter } from "./exporter.ts";
import { type OtlpAttribute, type OtlpRecord, OtlpRecords, type OtlpResource, type OtlpScope } from "./otlp.ts";
import type { OtlpIdentity } from "./otlp-identity.ts";
import type { ExportOutput } from "./output.ts";

/** A Collector reads lines of at most 1 MiB, and a character takes at most 3 bytes. */
const LINE_CHARS = 256 * 1024;

export class OtlpExporter implements Exporter {
  readonly #path: string;
  readonly #output: ExportOutput;
  readonly #records: OtlpRecords;
  readonly #lines: OtlpLines;

  constructor(path: string, output: ExportOutput, registry: RegistryModel, identity: OtlpIdentity, now?: () => number) {
    this.#path = path;
    this.#output = output;
    this.#records = new OtlpRecords(registry, identity, now);
    this.#lines = new OtlpLines(this.#records.scope);
  }

  get problems(): readonly Problem[] {
    return timeProblems(this.#records);
  }

  async add(items: readonly BootItem[]): Promise<void> {
    for (const item of items) for (const record of this.#records.of(item)) this.#write(record);
    await this.#output.room();
  }

  async finish(): Promise<readonly string[]> {
    for (const record of this.#records.end()) this.#write(record);
    this.#output.write(this.#lines.take());
    await this.#output.finish();
    return [this.#path];
  }

  async abandon(): Promise<void> {
    await this.#output.abandon();
  }

  #write(record: OtlpRecord): void {
    this.#lines.add(record);
    if (this.#lines.isFull) this.#output.write(this.#lines.take());
  }
}

export function timeProblems({ inexpressible: count }: OtlpRecords): readonly Problem[] {
  if (count === 0) return [];
  const message = `OTLP cannot express the time of ${count} ${count === 1 ? "event" : "events"}, since it has 1970 to 2554: that time is left out`;
  return [{ code: "W_TIME", message, count }];
}

/** Gathers records into a line. */
export class OtlpLines {
  readonly #scope: string;
  readonly #end: string;
  readonly #resources = new WeakMap<OtlpResource, string>();
  readonly #keys = new Map<string, string>();
  #resource: OtlpResource | undefined;
  #text = "";

  constructor({ name, version, schemaUrl }: OtlpScope) {
    this.#scope = `"scopeLogs":[{"scope":${textJson({ name, version })},"logRecords":[`;
    this.#end = `]${schemaUrl === "" ? "" : `,"schemaUrl":${textJson(schemaUrl)}`}}]}`;
  }

  /** No more should join the line. */
  get isFull(): boolean {
    return this.#text.length >= LINE_CHARS;
  }

  add(record: OtlpRecord): void {
    const { resource } = record;
    if (resource === this.#resource) this.#text += ",";
    else {
      this.#text += `${this.#resource === undefined ? '{"resourceLogs":[' : `${this.#end},`}${this.#begin(resource)}`;
      this.#resource = resource;
    }
    this.#text += this.#record(record);
  }

  /** Returns the line with its end, and begins the next one; "" if it is empty. */
  take(): string {
    const line = this.#resource === undefined ? "" : `${this.#text}${this.#end}]}\n`;
    this.#text = "";
    this.#resource = undefined;
    return line;
  }

  #begin(resource: OtlpResource): string {
    let text = this.#resources.get(resource);
    if (text === undefined) {
      text = `{"resource":{"attributes":[${this.#attributes(resource.attributes)}]},${this.#scope}`;
      this.#resources.set(resource, text);
    }
    return text;
  }

  #record({ unixMs, observedMs, severity, body, eventName, attributes }: OtlpRecord): string {
    const time = unixMs === undefined ? "" : `"timeUnixNano":"${nanoseconds(unixMs)}",`;
    const warns = severity === 0 ? "" : `"severityNumber":${severity},`;
    const said = body === "" ? "" : `"body":{"stringValue":${textJson(body)}},`;
    const observed = `"observedTimeUnixNano":"${nanoseconds(observedMs)}"`;
    return `{${time}${warns}${said}"attributes":[${this.#attributes(attributes)}],${observed},"eventName":${textJson(eventName)}}`;
  }

  #attributes(attributes: readonly OtlpAttribute[]): string {
    return attributes.map((each) => `${this.#key(each.key)}${valueJson(each)}}}`).join(",");
  }

  #key(key: string): string {
    let text = this.#keys.get(key);
    if (text === undefined) {
      text = `{"key":${textJson(key)},"value":{`;
      this.#keys.set(key, text);
    }
    return text;
  }
}

function valueJson({ value, isDouble }: OtlpAttribute): string {
  if (typeof value === "string") return `"stringValue":${textJson(value)}`;
  if (typeof value === "boolean") return `"boolValue":${value}`;
  if (!Number.isFinite(value)) return `"doubleValue":"${value}"`; // as in protobuf's JSON
  return isDouble || !Number.isSafeInteger(value) ? `"doubleValue":${value}` : `"intValue":"${value}"`;
}

/** As in UTF-8, which has no lone surrogates. */
function textJson(value: string | object): string {
  return JSON.stringify(typeof value === "string" ? wellFormed(value) : value);
}

function nanoseconds(ms: number): string {
  return ms === 0 ? "0" : `${ms}000000`;
}
