/** Exports of a million events: speed, memory, and size of the output. */
import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { number, type Table } from "./format.ts";
import { CLIENTS, EVENTS, timeCommand, writeRecording } from "./recording.ts";
import type { Say } from "./rows.ts";

const FOLDER = "dist/bench/capture-exports";
const OUT = "dist/bench/exported";
const FORMATS = ["perfetto", "chrome", "csv", "parquet"] as const;

export interface ExportFigure {
  readonly format: string;
  readonly eventsPerSecond: number;
  readonly maxRssMegabytes: number;
  readonly bytesPerEvent: number;
}

export async function measureExports(say: Say): Promise<ExportFigure[]> {
  say(`exports: a capture of ${number(EVENTS)} events of ${CLIENTS} clients`);
  writeRecording(FOLDER);
  const found: ExportFigure[] = [];
  for (const format of FORMATS) {
    say(`exports: to ${format}`);
    rmSync(OUT, { recursive: true, force: true });
    const { seconds, maxRssMegabytes } = await timeCommand(["export", "--to", format, FOLDER, "-o", OUT]);
    found.push({
      format,
      eventsPerSecond: EVENTS / seconds,
      maxRssMegabytes,
      bytesPerEvent: bytesOf(OUT) / EVENTS,
    });
  }
  rmSync(FOLDER, { recursive: true });
  rmSync(OUT, { recursive: true });
  return found;
}

/** Size of a file, or of all files in a folder. */
function bytesOf(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0);
}

export function exportTable(found: readonly ExportFigure[]): Table {
  return {
    title: `Exports of ${number(EVENTS)} events of ${CLIENTS} clients, with payloads`,
    head: ["to", "events a second", "most memory, MB", "bytes an event"],
    rows: found.map(({ format, eventsPerSecond, maxRssMegabytes, bytesPerEvent }) => [
      format,
      number(eventsPerSecond),
      number(maxRssMegabytes),
      number(bytesPerEvent),
    ]),
  };
}
