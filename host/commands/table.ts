/** Tables for a terminal: columns as wide as their content, the first one shortened if a row would be too long. */
import type picocolors from "picocolors";
import { cut, widthOf } from "../decode/event-text.ts";
import { shortDevice } from "./event-rows.ts";

const GAP = "  ";
const LEAST_FIRST = 8;
/** Columns of names that differ at their ends. */
const NAMES: readonly string[] = ["device", "client"];

/**
 * Returns rows under a heading. ">" before the name of a column aligns its values to the right. Empty columns are left
 * out.
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
  { dim }: ReturnType<typeof picocolors.createColors>,
): string {
  if (rows.length === 0) return "";
  const used = head.flatMap((_, index) => (rows.some((row) => (row[index] ?? "") !== "") ? [index] : []));
  const names = head.map((name) => name.replace(/^>/, ""));
  const widths = used.map((index) => Math.max(...[names, ...rows].map((row) => widthOf(row[index] ?? ""))));
  const total = GAP.length * used.length + widths.reduce((sum, width) => sum + width, 0);
  if (total > columns && widths.length > 0)
    widths[0] = Math.max(Math.min(LEAST_FIRST, widths[0]!), widths[0]! - (total - columns));
  const line = (row: readonly string[]) => {
    const cells = used.map((index, at) => {
      const shorten = NAMES.includes(names[index]!) ? shortDevice : cut;
      const text = shorten(row[index] ?? "", widths[at]!);
      const space = " ".repeat(Math.max(0, widths[at]! - widthOf(text)));
      return head[index]!.startsWith(">") ? space + text : text + space;
    });
    return cut(`${GAP}${cells.join(GAP)}`.trimEnd(), columns);
  };
  return `${dim(line(names))}\n${rows.map((row) => `${line(row)}\n`).join("")}`;
}
