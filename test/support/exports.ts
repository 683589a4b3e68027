// Recordings to export, and exports in memory.
import { Collector } from "../../host/capture/collector.ts";
import type { Exporter } from "../../host/export/exporter.ts";
import type { ExportOutput } from "../../host/export/output.ts";
import { type ExportItem, exportItems } from "../../host/export/source.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath, type Recording, recordingOf } from "../../host/read/recording.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { fleetPackets } from "./fleet.ts";
import { randomIntegers } from "./packets.ts";

export type Line = Readonly<Record<string, string | number | boolean>>;

/** A fleet as it arrives by UDP, into a folder: packets overtake each other, some are lost; devices reboot. */
export function captureFleet(seed: number, folder: string, most = 300): void {
  const random = randomIntegers(seed);
  const all = new Collector(folder, { registry });
  let wallMs = Date.UTC(2026, 0, 1);
  for (const [device, boots] of fleetPackets(seed, 1 + random(4), most))
    for (const packets of boots)
      for (const packet of packets) {
        wallMs += 20 + random(400);
        // A capture without an event is a case of its own.
        if (random(12) > 0 || all.counters().events === 0) all.packet(device, packet, wallMs);
      }
  all.close();
}

/** What decode says of it. */
export async function linesOf(path: string, model: RegistryModel = registry): Promise<Line[]> {
  let text = "";
  for await (const item of decodePath(path, { registry: model, output: "lines", with: "all" }))
    if (item.kind === "lines") text += Buffer.from(item.lines).toString();
  return parsed(text);
}

export function parsed(text: string): Line[] {
  return text === ""
    ? []
    : text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
}

export class MemoryOutput implements ExportOutput {
  readonly isRenamed = true;
  readonly pieces: Uint8Array[] = [];
  name: string | undefined;
  write(data: string | Uint8Array): void {
    this.pieces.push(typeof data === "string" ? Buffer.from(data) : Uint8Array.from(data));
  }
  async room(): Promise<void> {}
  async finish(name?: string): Promise<void> {
    this.name = name ?? "it";
  }
  async abandon(): Promise<void> {}
  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

/** A recording from bytes, which come in pieces. */
export function recordingFrom(bytes: Uint8Array, size = 1000): Promise<Recording> {
  return recordingOf(
    (async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    })(),
    "it",
  );
}

/** Passes a recording to an exporter. Returns what else was found. */
export async function exportTo(
  exporter: Exporter,
  recording: Recording,
  model: RegistryModel = registry,
): Promise<{ codes: string[]; missing: number; names: readonly string[] }> {
  const codes: string[] = [];
  let missing = 0;
  for await (const items of exportItems(recording, model)) {
    const of: Extract<ExportItem, { boot: unknown }>[] = [];
    for (const item of items) {
      if (item.kind === "problem") codes.push(item.problem.code);
      else if (item.kind !== "summary") of.push(item);
      if (item.kind === "gap") missing += item.missing;
    }
    await exporter.add(of);
  }
  const names = await exporter.finish();
  return { codes, missing, names };
}
