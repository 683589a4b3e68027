/** One Parquet file: rows are gathered, and written as row groups under a temporary name. */
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { Column } from "./columns.ts";
import { writeError } from "./output.ts";

export type ParquetValue = string | bigint | number | boolean | undefined;

/** Most rows of a row group. */
const MOST_ROWS = 50_000;
const INT64 = { type: "INT64", repetition_type: "OPTIONAL" } as const;
const TYPES: Readonly<Record<Column["type"], Omit<SchemaElement, "name">>> = {
  text: { type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" }, repetition_type: "OPTIONAL" },
  int: INT64,
  double: { type: "DOUBLE", repetition_type: "OPTIONAL" },
  boolean: { type: "BOOLEAN", repetition_type: "OPTIONAL" },
  time: {
    ...INT64,
    converted_type: "TIMESTAMP_MILLIS",
    logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MILLIS" },
  },
};

export function schemaOf(columns: readonly Column[]): SchemaElement[] {
  return [
    { name: "events", num_children: columns.length },
    ...columns.map(({ name, type }): SchemaElement => ({ name, ...TYPES[type] })),
  ];
}

/** Fails with TelemetryError E_WRITE (exit code 2). */
export class PartFile {
  readonly path: string;
  readonly #temporary: string;
  readonly #columns: readonly Column[];
  readonly #bytes = new ByteWriter();
  readonly #writer: ParquetWriter;
  #data: ParquetValue[][];
  #isThere = false;
  /** Rows that are not written yet. */
  waiting = 0;

  constructor(path: string, columns: readonly Column[], metadata: readonly { key: string; value: string }[]) {
    this.path = path;
    this.#temporary = join(dirname(path), `.${randomBytes(8).toString("hex")}.tmp`);
    this.#columns = columns;
    this.#data = columns.map(() => []);
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: schemaOf(columns),
      codec: "GZIP",
      compressors: { GZIP: (input) => gzipSync(input) },
      kvMetadata: [...metadata],
      createdBy: "xs-telemetry",
    });
  }

  add(row: readonly ParquetValue[]): void {
    for (let index = 0; index < row.length; index++) this.#data[index]!.push(row[index]);
    this.waiting++;
  }

  get isFull(): boolean {
    return this.waiting >= MOST_ROWS;
  }

  /** Writes the waiting rows as a row group. */
  async flush(): Promise<void> {
    if (this.waiting > 0) {
      const columnData = this.#columns.map(({ name, type }, index) => ({
        name,
        data: this.#data[index]!,
        ...((type === "int" || type === "time") && { encoding: "DELTA_BINARY_PACKED" as const }),
      }));
      await this.#writer.write({ columnData, rowGroupSize: this.waiting });
      this.#data = this.#columns.map(() => []);
      this.waiting = 0;
    }
    await this.#append();
  }

  /** Writes everything, so that only its name is missing. */
  async complete(): Promise<void> {
    await this.flush();
    await this.#writer.finish();
    await this.#append();
    try {
      const file = await open(this.#temporary, "r+");
      // An error of the disk shows here at the latest.
      await file.sync().finally(() => file.close());
    } catch (error) {
      throw writeError(this.path, error);
    }
  }

  async name(): Promise<void> {
    try {
      await rename(this.#temporary, this.path);
      this.#isThere = false;
    } catch (error) {
      throw writeError(this.path, error);
    }
  }

  async abandon(): Promise<void> {
    if (this.#isThere) await rm(this.#temporary, { force: true });
  }

  /** Opened for each row group: there may be more files than can be open. */
  async #append(): Promise<void> {
    const { buffer, index } = this.#bytes;
    if (index === 0) return;
    this.#bytes.index = 0;
    try {
      if (!this.#isThere) await mkdir(dirname(this.path), { recursive: true });
      this.#isThere = true;
      await appendFile(this.#temporary, new Uint8Array(buffer, 0, index));
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
}
