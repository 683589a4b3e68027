// OTLP as others read it: Debian's definitions of the protocol, with protobufjs and protoc.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import protobuf from "protobufjs";
import type { Line } from "./exports.ts";

const DEFINITIONS = "/usr/include";
const SERVICE = "opentelemetry/proto/collector/logs/v1/logs_service.proto";
const REQUEST = "opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest";
const RESPONSE = "opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse";

let types: { readonly request: protobuf.Type; readonly response: protobuf.Type };

/** Loads the definitions, once; installs them where they are missing. Before all others here. */
export async function loadOtlp(): Promise<void> {
  const { ensure } = await import(`${process.cwd()}/build/machine.mjs`);
  ensure("protoc", "opentelemetry-proto");
  const root = new protobuf.Root();
  root.resolvePath = (_, target) => `${DEFINITIONS}/${target}`;
  root.loadSync(SERVICE);
  types = { request: root.lookupType(REQUEST), response: root.lookupType(RESPONSE) };
}

export interface ReadRecord {
  readonly resource: Line;
  readonly scope: { readonly name: string; readonly version: string; readonly schemaUrl: string };
  readonly eventName: string;
  /** Nanoseconds. "0": not known. */
  readonly time: string;
  readonly observed: string;
  readonly severity: number;
  readonly body: string | undefined;
  readonly attributes: Line;
}

interface RawValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
}
interface RawKeyValue {
  readonly key: string;
  readonly value: RawValue;
}
export interface RawRequest {
  readonly resourceLogs?: readonly {
    readonly resource: { readonly attributes?: readonly RawKeyValue[] };
    readonly scopeLogs: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly schemaUrl?: string;
      readonly logRecords: readonly {
        readonly timeUnixNano?: string;
        readonly observedTimeUnixNano: string;
        readonly severityNumber?: number;
        readonly body?: RawValue;
        readonly attributes?: readonly RawKeyValue[];
        readonly eventName: string;
      }[];
    }[];
  }[];
}

/** The records of a request in protobuf. Fails if a field is unknown, or takes more bytes than necessary. */
export function readRequest(bytes: Uint8Array): ReadRecord[] {
  const { request } = types;
  const message = request.decode(bytes);
  assert.deepEqual(Buffer.from(request.encode(message).finish()), Buffer.from(bytes), "encoded again, byte for byte");
  return recordsOf(request.toObject(message, { longs: String, enums: Number }) as RawRequest);
}

/** Those of a request in JSON: `toObject` has its names and numbers, but for enums. */
export function recordsOf({ resourceLogs = [] }: RawRequest): ReadRecord[] {
  return resourceLogs.flatMap(({ resource, scopeLogs }) => {
    assert.equal(scopeLogs.length, 1);
    return scopeLogs.flatMap(({ scope, schemaUrl = "", logRecords }) =>
      logRecords.map((record) => ({
        resource: valuesOf(resource.attributes ?? []),
        scope: { name: scope.name, version: scope.version, schemaUrl },
        eventName: record.eventName,
        time: String(record.timeUnixNano ?? "0"),
        observed: String(record.observedTimeUnixNano),
        severity: record.severityNumber ?? 0,
        body: record.body?.stringValue,
        attributes: valuesOf(record.attributes ?? []),
      })),
    );
  });
}

function valuesOf(attributes: readonly RawKeyValue[]): Line {
  const keys = attributes.map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length, `keys are unique: ${keys}`);
  return Object.fromEntries(
    attributes.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } }) => {
      if (intValue !== undefined) assert.equal(String(intValue), String(BigInt(intValue)));
      return [key, stringValue ?? boolValue ?? doubleValue ?? Number(intValue)];
    }),
  );
}

/** protoc's text for a request's bytes. Fails if it does not know a field, or would write other bytes. */
export function protocDecoded(bytes: Uint8Array): string {
  const run = (step: string, input: Uint8Array | string) => {
    const args = ["-I", DEFINITIONS, `--${step}=${REQUEST}`, SERVICE];
    const { status, stdout, stderr } = spawnSync("protoc", args, { input, maxBuffer: 2 ** 30 });
    assert.equal(status, 0, stderr.toString());
    return stdout;
  };
  const text = run("decode", bytes);
  assert.doesNotMatch(text.toString("latin1"), /^\s*\d+(:| \{)/m, "no unknown field");
  assert.deepEqual(run("encode", text), Buffer.from(bytes), "protoc writes the same bytes");
  return text.toString();
}

/** The bytes of an answer that has taken all but N records. */
export function response(rejected: number | bigint = 0, message = ""): Buffer {
  const partialSuccess = { rejectedLogRecords: String(rejected), errorMessage: message };
  return Buffer.from(types.response.encode(types.response.fromObject({ partialSuccess })).finish());
}
