// What specs ask of the decoder.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { StreamDecoder } from "../../host/decode/decode.ts";
import type { DecodeItem, DecodeOptions, DecodeSummary } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import type { DecodedEvent } from "../../host/packet/records.ts";
import type { Problem } from "../../host/text/errors.ts";
import type { BuiltPacket, RecordSpec } from "./packets.ts";

/** An event of any registry, by key: for attributes that only some events have. */
export type AnyEvent = DecodedEvent & { readonly [key: string]: string | number | boolean };

export interface Decoded {
  events: AnyEvent[];
  problems: Problem[];
  codes: string[];
  summary: DecodeSummary;
  /** Events by "boot/reader/packet number"; those of batches are not there. */
  byPacket: Map<string, AnyEvent[]>;
}

export function collect(items: Iterable<DecodeItem>): Decoded {
  const events: AnyEvent[] = [];
  const problems: Problem[] = [];
  const byPacket = new Map<string, AnyEvent[]>();
  let summary: DecodeSummary | undefined;
  for (const item of items) {
    assert.equal(summary, undefined, "nothing comes after the summary");
    if (item.kind === "problem") problems.push(item.problem);
    else if (item.kind === "summary") summary = item.summary;
    else if (item.kind !== "gap" && item.kind !== "boot") {
      const lines = item.kind === "events" ? [] : Buffer.from(item.lines).toString().split("\n").slice(0, -1);
      const found = (
        item.kind === "events" ? item.events : lines.map((line) => JSON.parse(line))
      ) as readonly AnyEvent[];
      if (item.kind !== "events") assert.equal(item.count, lines.length);
      events.push(...found);
      if (item.kind === "batch") continue;
      const key = `${item.bootId}/${item.reader}/${item.packet}`;
      byPacket.set(key, [...(byPacket.get(key) ?? []), ...found]);
    }
  }
  assert.ok(summary, "a summary comes last");
  const total = Object.values(summary.events).reduce((sum, count) => sum + count, 0);
  assert.equal(total, events.length, "the summary counts the events");
  return { events, problems, codes: problems.map(({ code }) => code), summary, byPacket };
}

/** The bytes of a batch are valid only for a while. */
function kept(item: DecodeItem): DecodeItem {
  return item.kind === "batch" ? { ...item, lines: Uint8Array.from(item.lines) } : item;
}

export function decoded(bytes: Uint8Array, options: Partial<DecodeOptions> = {}, pieceBytes = bytes.length): Decoded {
  const decoder = new StreamDecoder({ registry, with: "none", ...options });
  const items: DecodeItem[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    items.push(...decoder.push(bytes.subarray(at, at + pieceBytes)).map(kept));
  items.push(...decoder.end().map(kept));
  return collect(items);
}

export async function gathered(items: AsyncIterable<DecodeItem>): Promise<Decoded> {
  const list: DecodeItem[] = [];
  for await (const item of items) list.push(kept(item));
  return collect(list);
}

export const conforms = new Ajv2020({ allErrors: true }).compile(
  JSON.parse(readFileSync("registry/1.0.0.schema.json", "utf8")) as object,
);

export function assertConforms(event: AnyEvent): void {
  assert.ok(conforms(event), `${JSON.stringify(event)}: ${JSON.stringify(conforms.errors)}`);
  const model = registry.events.find(({ name }) => name === event.event)!;
  const order = model.attributes.map(({ key }) => key).filter((key) => key in event);
  assert.deepEqual(Object.keys(event), order, "keys stand in the registry's order, none beside them");
  for (const { key, maxBytes = 64 } of registry.attributes) {
    const value = event[key];
    if (typeof value !== "string") continue;
    assert.ok(Buffer.byteLength(value) <= maxBytes, `${key} is within ${maxBytes} bytes: ${JSON.stringify(value)}`);
    assert.equal(Buffer.from(value).toString(), value, `${key} is well-formed: ${JSON.stringify(value)}`);
    assert.ok(!value.includes("\0"), `${key} has no U+0000`);
  }
}

export const eventsOf = (packets: readonly BuiltPacket[]) => packets.flatMap(({ events }) => events);
export const time0: RecordSpec = { event: "ws.connected", time: 0 };

/** Replaces bytes. */
export function patched(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}
