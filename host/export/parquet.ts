/** Tables for fleets: Parquet files in folders by device and date; a further export adds what is new. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import type { RegistryModel } from "../registry/model.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { type Cell, type Column, columnsOf, MissingBefore } from "./columns.ts";
import { digestOf, EarlierRows } from "./earlier-rows.ts";
import type { BootItem, Exporter } from "./exporter.ts";
import { type ParquetValue, PartFile, schemaOf } from "./part-file.ts";
import type { ExportBoot, ExportEvent } from "./source.ts";

/** The most rows in memory, over all files. */
const MOST_WAITING = 100_000;
/** The text that Hive, Spark, Trino and DuckDB read as no value. */
const UNKNOWN = "__HIVE_DEFAULT_PARTITION__";
const MOST_FOLDER_CHARS = 200;
const TWO_TO_63 = 2 ** 63;

interface Row {
  readonly event: ExportEvent;
  readonly values: readonly ParquetValue[];
}

/** One boot in the folder. */
interface BootParts {
  readonly folder: string;
  readonly name: string;
  /** What earlier exports wrote of boots with its id. */
  readonly earlier: EarlierRows<Row>;
  readonly byDate: Map<string, PartFile>;
}

/**
 * Files are never changed: new events go into new files. Fails with TelemetryError E_COLUMNS (exit code 2) if the
 * folder has files with other columns, E_PARQUET (2) if one cannot be read. Memory: 100,000 rows, and the event numbers
 * of a boot that was exported before.
 */
export class ParquetExporter implements Exporter {
  readonly #root: string;
  readonly #columns: readonly Column[];
  readonly #sequenceKey: string | undefined;
  readonly #metadata: readonly { key: string; value: string }[];
  readonly #missing = new MissingBefore();
  readonly #boots = new Map<ExportBoot, BootParts>();
  readonly #names = new Map<string, number>();
  readonly #parts: PartFile[] = [];
  /** Columns of the registry's attributes: what an event says, whatever is known of its time of day. */
  readonly #own: readonly number[];
  #waiting = 0;
  #misfits = 0;

  constructor(root: string, registry: RegistryModel) {
    this.#root = root;
    this.#columns = columnsOf(registry);
    this.#sequenceKey = registry.attributes.find(({ from }) => from === "sequence")?.key;
    const keys = new Set(registry.attributes.map(({ key }) => key));
    this.#own = this.#columns.flatMap(({ name }, index) => (keys.has(name) ? [index] : []));
    this.#metadata = [{ key: "xs-telemetry.schema_version", value: registry.schemaVersion }];
  }

  get repeated(): number {
    return [...this.#boots.values()].reduce((sum, { earlier }) => sum + earlier.repeated, 0);
  }

  get problems(): readonly Problem[] {
    const found: Problem[] = [];
    const add = (code: string, count: number, message: string) => {
      if (count > 0) found.push({ code, message: `${count} ${message}`, count });
    };
    add("W_EXPORTED", this.repeated, "events are already in the folder: not written again");
    add(
      "E_TYPE",
      this.#misfits,
      "values do not fit the types of their attributes: written as null; validate the recording",
    );
    return found;
  }

  async add(items: readonly BootItem[]): Promise<void> {
    for (const item of items) {
      this.#missing.add(item);
      if (item.kind !== "event") continue;
      const missing = this.#missing.take(item.boot);
      const parts = this.#boots.get(item.boot) ?? (await this.#open(item.boot));
      const values = this.#columns.map((column) => this.#value(column, column.of(item, missing)));
      const number = this.#sequenceKey === undefined ? undefined : item.event[this.#sequenceKey];
      const row = { event: item, values };
      const said = typeof number === "number" && parts.earlier.has(number) ? this.#digest(values) : "";
      for (const each of parts.earlier.next(typeof number === "number" ? number : undefined, said, row))
        await this.#write(parts, each);
    }
  }

  async finish(): Promise<readonly string[]> {
    for (const { earlier } of this.#boots.values()) earlier.end();
    for (const part of this.#parts) await part.complete();
    for (const part of this.#parts) await part.name();
    return [this.#root];
  }

  async abandon(): Promise<void> {
    for (const part of this.#parts) await part.abandon();
  }

  #digest(values: readonly (ParquetValue | null)[]): string {
    return digestOf(this.#own.map((index) => values[index]));
  }

  async #write(parts: BootParts, { event, values }: Row): Promise<void> {
    const part = this.#part(parts, event);
    part.add(values);
    this.#waiting++;
    if (part.isFull) await this.#flush(part);
    else if (this.#waiting >= MOST_WAITING)
      await this.#flush(this.#parts.reduce((most, each) => (each.waiting > most.waiting ? each : most)));
  }

  async #flush(part: PartFile): Promise<void> {
    this.#waiting -= part.waiting;
    await part.flush();
  }

  #part({ folder, name, byDate }: BootParts, { unixMs }: ExportEvent): PartFile {
    const date = unixMs === undefined ? UNKNOWN : new Date(unixMs).toISOString().slice(0, 10);
    let part = byDate.get(date);
    if (part === undefined) {
      part = new PartFile(join(folder, `date=${date}`, name), this.#columns, this.#metadata);
      byDate.set(date, part);
      this.#parts.push(part);
    }
    return part;
  }

  /** Finds what earlier exports wrote of a boot, under any date: its clock may be known better by now. */
  async #open(boot: ExportBoot): Promise<BootParts> {
    const folder = join(this.#root, `device=${folderName(boot.device)}`);
    // In lines, an id may be any text.
    const own = folderName(boot.bootId ?? (boot.boot === undefined ? "unknown" : `number-${boot.boot}`));
    // Ids are meant to be unique, but are not always.
    const key = `${folder}/${own}`;
    const count = (this.#names.get(key) ?? 0) + 1;
    this.#names.set(key, count);
    const prefix = `part-${own}${count === 1 ? "" : `-${count}`}`;
    const earlier = new EarlierRows<Row>();
    let last = 0;
    for (const date of await names(folder))
      for (const name of await names(join(folder, date))) {
        last = Math.max(last, numberOf(name, prefix) ?? 0);
        if (isOf(name, `part-${own}`)) await this.#learn(join(folder, date, name), earlier);
      }
    const name = last === 0 ? `${prefix}.parquet` : `${prefix}.${last + 1}.parquet`;
    const parts = { folder, name, earlier, byDate: new Map<string, PartFile>() };
    this.#boots.set(boot, parts);
    return parts;
  }

  async #learn(path: string, earlier: EarlierRows<Row>): Promise<void> {
    try {
      const file = await asyncBufferFromFile(path);
      const metadata = await parquetMetadataAsync(file);
      const of = (schema: readonly { name: string; type?: string | undefined }[]) =>
        schema
          .slice(1)
          .map(({ name, type }) => `${name} ${type}`)
          .join();
      if (of(metadata.schema) !== of(schemaOf(this.#columns))) {
        const message = `${nameOf(path)} has other columns than this export: export to another folder, or use the same --schema-version and --registry as before`;
        throw new TelemetryError("E_COLUMNS", message, 2);
      }
      const key = this.#sequenceKey;
      if (key === undefined) return;
      const columns = this.#own.map((index) => this.#columns[index]!.name);
      let rowStart = 0;
      for (const { num_rows } of metadata.row_groups) {
        const rowEnd = rowStart + Number(num_rows);
        const compressors = { GZIP: (input: Uint8Array) => gunzipSync(input) };
        const rows = await parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors });
        for (const row of rows) {
          if (row[key] === null || row[key] === undefined) continue;
          earlier.add(Number(row[key]), digestOf(columns.map((name) => row[name])));
        }
        rowStart = rowEnd;
      }
    } catch (error) {
      if (error instanceof TelemetryError) throw error;
      const message = `${nameOf(path)} cannot be read as Parquet: ${(error as Error).message}; move it away, or export to another folder`;
      throw new TelemetryError("E_PARQUET", message, 2);
    }
  }

  #value({ type }: Column, value: Cell): ParquetValue {
    if (value === undefined) return undefined;
    if (type === "int" || type === "time") {
      if (typeof value === "number" && Number.isInteger(value) && value >= -TWO_TO_63 && value < TWO_TO_63)
        return BigInt(value);
    } else if (typeof value === (type === "text" ? "string" : type === "double" ? "number" : "boolean")) return value;
    this.#misfits++;
    return undefined;
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
    throw error;
  });
}

/** Returns 1 for `PREFIX.parquet`, n for `PREFIX.n.parquet`; undefined for another name. */
function numberOf(name: string, prefix: string): number | undefined {
  if (!name.startsWith(`${prefix}.`)) return undefined;
  const match = /^\.(?:(\d{1,9})\.)?parquet$/.exec(name.slice(prefix.length));
  return match === null ? undefined : Number(match[1] ?? 1);
}

/** Whether it is a file of a boot with this prefix, or of a further one with the same id. */
function isOf(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^(-\d{1,9})?(\.\d{1,9})?\.parquet$/.test(name.slice(prefix.length));
}

/** A device's name as a folder's, in Hive's way: what is no letter, digit, _ or - is %XX of its UTF-8. */
export function folderName(device: string | undefined): string {
  if (device === undefined || device === "") return UNKNOWN;
  const encoded = Array.from(Buffer.from(device), (byte) =>
    /[\w-]/.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("");
  if (encoded.length <= MOST_FOLDER_CHARS) return encoded;
  return `${encoded.slice(0, MOST_FOLDER_CHARS).replace(/%.?$/, "")}_${createHash("sha256").update(device).digest("hex").slice(0, 16)}`;
}
