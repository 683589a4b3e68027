/**
 * A table for spreadsheets: RFC 4180 in UTF-8 with a byte order mark; without the mark some assume another encoding.
 */
import type { RegistryModel } from "../registry/model.ts";
import { type Column, columnsOf, MissingBefore } from "./columns.ts";
import type { BootItem, Exporter } from "./exporter.ts";
import type { ExportOutput } from "./output.ts";

export class CsvExporter implements Exporter {
  readonly #path: string;
  readonly #output: ExportOutput;
  readonly #columns: readonly Column[];
  readonly #missing = new MissingBefore();

  constructor(path: string, output: ExportOutput, registry: RegistryModel) {
    this.#path = path;
    this.#output = output;
    this.#columns = columnsOf(registry);
    output.write(`\ufeff${this.#columns.map(({ name }) => textCell(name)).join(",")}\n`);
  }

  async add(items: readonly BootItem[]): Promise<void> {
    for (const item of items) {
      this.#missing.add(item);
      if (item.kind !== "event") continue;
      const missing = this.#missing.take(item.boot);
      const cells = this.#columns.map(({ type, of }) => {
        const value = of(item, missing);
        if (typeof value === "string") return textCell(value);
        if (value === undefined) return "";
        return type === "time" ? new Date(value as number).toISOString() : String(value);
      });
      this.#output.write(`${cells.join(",")}\n`);
    }
    await this.#output.room();
  }

  async finish(): Promise<readonly string[]> {
    await this.#output.finish();
    return [this.#path];
  }

  async abandon(): Promise<void> {
    await this.#output.abandon();
  }
}

/**
 * Text that begins like a formula would be one in a spreadsheet, and texts come from the network: an apostrophe is put
 * before it, and before a text that begins with an apostrophe. The empty text is "", which is not an empty cell.
 */
const FORMULA = /^[=+\-@\t\r\n'＝＋－＠]/;

function textCell(text: string): string {
  const guarded = FORMULA.test(text) ? `'${text}` : text;
  return guarded === "" || /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}
