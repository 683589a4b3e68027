/** LogRecords as the bytes of OTLP requests: gathered once, then sent as a whole or in parts. */
import type { OtlpAttribute, OtlpRecord, OtlpResource, OtlpScope } from "./otlp.ts";
import { ProtobufWriter } from "./protobuf.ts";

// Field numbers, by message.
const REQUEST = { resourceLogs: 1 } as const;
const RESOURCE_LOGS = { resource: 1, scopeLogs: 2 } as const;
const RESOURCE = { attributes: 1 } as const;
const SCOPE_LOGS = { scope: 1, logRecords: 2, schemaUrl: 3 } as const;
const SCOPE = { name: 1, version: 2 } as const;
const LOG_RECORD = {
  time: 1,
  severity: 2,
  body: 5,
  attributes: 6,
  observedTime: 11,
  eventName: 12,
} as const;
const KEY_VALUE = { key: 1, value: 2 } as const;
const VALUE = { string: 1, bool: 2, int: 3, double: 4 } as const;

/** Records for one or more requests. */
export class OtlpBatch {
  readonly records: OtlpRecord[] = [];
  readonly #encoder: OtlpEncoder;
  /** The LogRecords as in a request, one after the other. */
  #bytes = new ProtobufWriter();
  readonly #ends: number[] = [];

  constructor(encoder: OtlpEncoder) {
    this.#encoder = encoder;
  }

  /** Bytes of a request, without the resources. */
  get bytes(): number {
    return this.#bytes.length;
  }

  add(record: OtlpRecord): void {
    this.records.push(record);
    this.#encoder.record(this.#bytes, record);
    this.#ends.push(this.#bytes.length);
  }

  /** The bytes of a request with the records from `from` up to `to`. */
  request(from = 0, to = this.records.length): Buffer {
    const { records } = this;
    const bytes = this.#bytes.written();
    for (let at = from; at < to; ) {
      const { resource } = records[at]!;
      let end = at + 1;
      while (end < to && records[end]!.resource === resource) end++;
      this.#encoder.resourceLogs(resource, bytes.subarray(at === 0 ? 0 : this.#ends[at - 1], this.#ends[end - 1]));
      at = end;
    }
    return this.#encoder.take();
  }
}

export class OtlpEncoder {
  readonly #out = new ProtobufWriter();
  readonly #scope: Buffer;
  readonly #schemaUrl: string;
  readonly #resources = new WeakMap<OtlpResource, Buffer>();
  /** Encoded once: they never change. */
  readonly #keys = new Map<string, Buffer>();

  constructor({ name, version, schemaUrl }: OtlpScope) {
    this.#schemaUrl = schemaUrl;
    const out = this.#out;
    out.text(SCOPE.name, name);
    out.text(SCOPE.version, version);
    this.#scope = out.take();
  }

  /** Writes one as a field of ScopeLogs. */
  record(out: ProtobufWriter, record: OtlpRecord): void {
    const { unixMs, observedMs, severity, body, eventName, attributes } = record;
    const from = out.begin(SCOPE_LOGS.logRecords);
    if (unixMs !== undefined) out.fixed64Nanoseconds(LOG_RECORD.time, unixMs);
    if (severity > 0) out.uint(LOG_RECORD.severity, severity);
    if (body !== "") out.message(LOG_RECORD.body, () => out.text(VALUE.string, body));
    for (const each of attributes) this.#attribute(out, LOG_RECORD.attributes, each);
    out.fixed64Nanoseconds(LOG_RECORD.observedTime, observedMs);
    out.text(LOG_RECORD.eventName, eventName);
    out.finish(from);
  }

  /** Adds the records of one resource to the request. */
  resourceLogs(resource: OtlpResource, records: Uint8Array): void {
    const out = this.#out;
    const encoded = this.#resource(resource);
    const from = out.begin(REQUEST.resourceLogs);
    out.bytes(RESOURCE_LOGS.resource, encoded);
    const scopeLogs = out.begin(RESOURCE_LOGS.scopeLogs);
    out.bytes(SCOPE_LOGS.scope, this.#scope);
    out.fields(records);
    if (this.#schemaUrl !== "") out.text(SCOPE_LOGS.schemaUrl, this.#schemaUrl);
    out.finish(scopeLogs);
    out.finish(from);
  }

  /** Returns the bytes of the request, and begins the next one. */
  take(): Buffer {
    return this.#out.take();
  }

  #resource(resource: OtlpResource): Buffer {
    let encoded = this.#resources.get(resource);
    if (encoded === undefined) {
      const out = new ProtobufWriter();
      for (const each of resource.attributes) this.#attribute(out, RESOURCE.attributes, each);
      encoded = out.take();
      this.#resources.set(resource, encoded);
    }
    return encoded;
  }

  #attribute(out: ProtobufWriter, field: number, { key, value, isDouble }: OtlpAttribute): void {
    const from = out.begin(field);
    out.fields(this.#key(key));
    const own = out.begin(KEY_VALUE.value);
    if (typeof value === "string") out.text(VALUE.string, value);
    else if (typeof value === "boolean") out.bool(VALUE.bool, value);
    else if (isDouble || !Number.isSafeInteger(value)) out.double(VALUE.double, value);
    else out.int(VALUE.int, value);
    out.finish(own);
    out.finish(from);
  }

  #key(key: string): Buffer {
    let encoded = this.#keys.get(key);
    if (encoded === undefined) {
      const out = new ProtobufWriter();
      out.text(KEY_VALUE.key, key);
      encoded = out.take();
      this.#keys.set(key, encoded);
    }
    return encoded;
  }
}
