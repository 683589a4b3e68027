/** Recognises the answers of OTLP, in protobuf or JSON: ExportLogsServiceResponse for success, google.rpc.Status for an error. */
import { type Field, fieldsOf } from "./protobuf-reader.ts";

/** How many records were rejected, and why; without rejections, a warning of the receiver. */
export interface Success {
  readonly rejected: number;
  readonly message: string;
}

const ALL_TAKEN: Success = { rejected: 0, message: "" };
const PROTOBUF = /^application\/(x-)?protobuf$/;
const JSON_TYPE = /^application\/json$/;
const PARTIAL = ["partialSuccess", "partial_success"];
const REJECTED = ["rejectedLogRecords", "rejected_log_records"];
const MESSAGE = ["errorMessage", "error_message"];

/** Returns undefined for anything else, such as a web page or an error as JSON. An empty body is a success if it has OTLP's type or none. */
export function successOf(body: Buffer, contentType: string): Success | undefined {
  const type = typeOf(contentType);
  if (body.length === 0) return type === "" || PROTOBUF.test(type) || JSON_TYPE.test(type) ? ALL_TAKEN : undefined;
  if (PROTOBUF.test(type)) return ofProtobuf(body);
  return JSON_TYPE.test(type) ? ofJson(body.toString()) : undefined;
}

/**
 * Returns whether the answer of an error is google.rpc.Status, as OTLP requires. In protobuf an empty body with its type is one without fields. JSON,
 * which was not requested, must have a code, because other services answer with a message too. An empty body without a type comes from a proxy.
 */
export function isStatus(body: Buffer, contentType: string): boolean {
  const type = typeOf(contentType);
  if (JSON_TYPE.test(type))
    return typeof only(parsed(body.toString()), ["code"], ["message"], ["details"])?.[0] === "number";
  const fields = PROTOBUF.test(type) ? fieldsOf(body) : undefined;
  return fields !== undefined && fits(fields, { 1: 0, 2: 2 });
}

function typeOf(contentType: string): string {
  return contentType.split(";")[0]!.trim().toLowerCase();
}

/** Fields from 3 on belong to later versions. Repeated fields count as in protobuf: messages are merged, otherwise the last one wins. */
function ofProtobuf(body: Buffer): Success | undefined {
  const fields = fieldsOf(body);
  if (fields === undefined || !fits(fields, { 1: 2 })) return undefined;
  const partial = fieldsOf(Buffer.concat(fields.filter(({ number }) => number === 1).map(({ bytes }) => bytes)));
  // Each must be a message by itself: joined, the bytes of one could complete another.
  const areMessages = fields.every(({ number, bytes }) => number !== 1 || fieldsOf(bytes) !== undefined);
  if (partial === undefined || !areMessages || !fits(partial, { 1: 0, 2: 2 })) return undefined;
  const messages = partial.filter(({ number }) => number === 2).map(({ bytes }) => utf8(bytes));
  if (messages.includes(undefined)) return undefined;
  const rejected = countOf(partial.findLast(({ number }) => number === 1)?.value ?? 0);
  return { rejected, message: messages.at(-1) ?? "" };
}

/** Returns whether fields 1 and 2 have the given wire types. */
function fits(fields: readonly Field[], types: Readonly<Record<number, number>>): boolean {
  return fields.every(({ number, type }) => number > 2 || types[number] === type);
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function ofJson(text: string): Success | undefined {
  const whole = only(parsed(text), PARTIAL);
  if (whole === undefined) return undefined;
  const partial = only(whole[0] ?? {}, REJECTED, MESSAGE);
  if (partial === undefined) return undefined;
  const [rejected, message] = [partial[0] ?? 0, partial[1] ?? ""];
  if (typeof message !== "string" || !/^-?\d+$/.test(String(rejected))) return undefined;
  return { rejected: countOf(Number(rejected)), message };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the values of these fields, each under either of its two names; undefined if it is not an object, or has other members. */
function only(value: unknown, ...fields: readonly (readonly string[])[]): unknown[] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const found = value as Readonly<Record<string, unknown>>;
  if (Object.keys(found).some((key) => !fields.flat().includes(key))) return undefined;
  return fields.map((names) => names.map((name) => found[name]).find((each) => each !== undefined && each !== null));
}

/** A count that is larger than any request means all records. */
function countOf(count: number): number {
  return Number.isSafeInteger(count) && count >= 0 ? count : Number.MAX_SAFE_INTEGER;
}
