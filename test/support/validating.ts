import { registry } from "../../host/generated/registry.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { type Issue, type ValidateOptions, Validator } from "../../host/validate/validate.ts";

export type Json = Record<string, unknown>;
export type Settings = Omit<ValidateOptions, "registries"> & { registries?: readonly RegistryModel[] };
export const COMMON = { ts_mono_ms: 71323, connEpoch: 0, eventSeq: 1, clientId: 4 };
export const CONNECT = { event: "ws.connect", ...COMMON, ip: "192.168.0.25", schemaVersion: "1.0.0" };
export const CONNECTED = { event: "ws.connected", ...COMMON, schemaVersion: "1.0.0" };
export const DISCONNECT = { event: "ws.disconnect", ...COMMON, schemaVersion: "1.0.0" };
const MESSAGE = { msgType: "getStatus", result: "ok", reason: "" };
export const RECEIVED = { event: "msg.recv", ...COMMON, ...MESSAGE, payloadSummary: '{"a":1}', schemaVersion: "1.0.0" };
export const REJECTED = { ...RECEIVED, result: "rejected", reason: "parse_error", msgType: "" };
export const SENT = { event: "msg.send", ...COMMON, msgType: "x", schemaVersion: "1.0.0" };
export const GOOD = [CONNECT, CONNECTED, DISCONNECT, RECEIVED, REJECTED, SENT];

/** The same as 1.0.0 except for one name: enough to distinguish two versions. */
export const NEXT: RegistryModel = JSON.parse(
  JSON.stringify(registry).replaceAll('"clientId"', '"client.id"').replace('"1.0.0"', '"2.0.0"'),
);

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export async function validate(trace: string | Uint8Array, settings: Settings = {}, chunkBytes = 1000) {
  // Each line by itself: what they are to one another is sequence.spec.ts's matter.
  const validator = new Validator({ registries: [registry], checks: ["schema"], ...settings });
  const issues: Issue[] = [];
  const bytes = typeof trace === "string" ? Buffer.from(trace) : trace;
  for await (const issue of validator.lines(chunksOf(bytes, chunkBytes))) issues.push(issue);
  return { issues, validator };
}

/** `line code attribute`, one after the other. */
export async function brief(trace: string | Uint8Array, settings: Settings = {}): Promise<string[]> {
  const { issues } = await validate(trace, settings);
  return issues.map(({ line, code, attribute }) => `${line} ${code} ${attribute ?? "-"}`);
}

export const briefOf = (event: unknown, settings: Settings = {}) => brief(`${JSON.stringify(event)}\n`, settings);

export function without(event: Json, key: string): Json {
  const { [key]: _, ...rest } = event;
  return rest;
}
