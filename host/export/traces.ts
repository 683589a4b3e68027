/** An export for trace viewers: boots with a known time of day in one file, the others in another. */
import { join, parse } from "node:path";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import type { BootItem, Exporter } from "./exporter.ts";
import type { ExportOutput } from "./output.ts";
import type { ExportBoot } from "./source.ts";
import type { TraceTracks } from "./trace.ts";

interface Side {
  readonly output: ExportOutput;
  readonly tracks: TraceTracks;
}

/**
 * `open`: makes an output for the name `path`. The first event of a boot decides which file it goes to: on a shared
 * time line its place would be unknown. Throws TelemetryError E_TIME (exit code 2) if both kinds occur and the output
 * is not a file.
 */
export class TraceExporter implements Exporter {
  readonly #path: string;
  readonly #open: () => Promise<ExportOutput>;
  readonly #draw: (output: ExportOutput, isTimed: boolean) => TraceTracks;
  readonly #sides = new Map<boolean, Side>();
  readonly #sideOf = new Map<ExportBoot, Side>();
  /** For boots without an event so far. */
  readonly #early = new Map<ExportBoot, BootItem[]>();

  constructor(
    path: string,
    open: () => Promise<ExportOutput>,
    draw: (output: ExportOutput, isTimed: boolean) => TraceTracks,
  ) {
    this.#path = path;
    this.#open = open;
    this.#draw = draw;
  }

  async add(items: readonly BootItem[]): Promise<void> {
    for (const item of items) {
      let side = this.#sideOf.get(item.boot);
      if (side === undefined) {
        const early = this.#early.get(item.boot) ?? [];
        if (item.kind !== "event") {
          this.#early.set(item.boot, [...early, item]);
          continue;
        }
        side = await this.#side(item.unixMs !== undefined);
        this.#sideOf.set(item.boot, side);
        this.#early.delete(item.boot);
        for (const each of early) side.tracks.add(each);
      }
      side.tracks.add(item);
    }
    for (const { output } of this.#sides.values()) await output.room();
  }

  async finish(): Promise<readonly string[]> {
    // For boots with nothing but losses, no time is known.
    for (const items of this.#early.values()) for (const item of items) (await this.#side(false)).tracks.add(item);
    if (this.#sides.size === 0) await this.#side(true);
    const names: string[] = [];
    for (const [isTimed, { output, tracks }] of this.#sides) {
      tracks.close();
      const name = isTimed || this.#sides.size === 1 ? this.#path : sinceBootPath(this.#path);
      await output.finish(name);
      names.push(name);
    }
    return names;
  }

  async abandon(): Promise<void> {
    for (const { output } of this.#sides.values()) await output.abandon();
  }

  async #side(isTimed: boolean): Promise<Side> {
    let side = this.#sides.get(isTimed);
    if (side !== undefined) return side;
    const output = await this.#open();
    if (this.#sides.size > 0 && !output.isRenamed) {
      const message = `${nameOf(this.#path)}: the time of day is known for some boots only, which takes two files: name a file with -o`;
      throw new TelemetryError("E_TIME", message, 2);
    }
    side = { output, tracks: this.#draw(output, isTimed) };
    this.#sides.set(isTimed, side);
    return side;
  }
}

/** `trace.since-boot.pftrace` for `trace.pftrace`. */
export function sinceBootPath(path: string): string {
  const { dir, name, ext } = parse(path);
  return join(dir, `${name}.since-boot${ext}`);
}
