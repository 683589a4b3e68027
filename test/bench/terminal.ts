/** Results on a terminal: tables, bars, and the goals. */
import pc from "picocolors";
import { figuresOf, isReached } from "./figures.ts";
import {
  figureLimit,
  figureMeasured,
  historyTable,
  number,
  plainTable,
  sizesTable,
  sorted,
  tablesOf,
} from "./format.ts";
import { ENGINES, type Engine, isMachine, type Row } from "./rows.ts";
import type { Sizes } from "./sizes.ts";

const BAR_WIDTH = 48;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Everything measured, and the goals as far as the parts that were run allow. */
export function report(rows: readonly Row[], sizes: readonly Sizes[], colors = pc.createColors(hasColor())): string {
  const tables = tablesOf(sorted(rows));
  if (sizes.length > 0) tables.push(sizesTable(sizes), historyTable(rows));
  const lines: string[] = [];
  for (const table of tables) {
    const [first, ...rest] = plainTable(table);
    lines.push(colors.bold(table.title), colors.dim(first!), ...rest, "");
  }
  for (const engine of ENGINES) lines.push(...bars(engine, rows, colors.cyan));
  const figures = figuresOf(rows, sizes).filter(({ measured }) => !Number.isNaN(measured));
  if (figures.length > 0) {
    const marks = figures.map((figure) => (isReached(figure) ? colors.green("✓") : colors.red("✗")));
    const cells = figures.map((figure) => [
      figure.what.replaceAll("`", ""),
      figureLimit(figure),
      figureMeasured(figure),
    ]);
    const [head, ...rest] = plainTable({ title: "", head: ["figure", "reach", "measured"], rows: cells });
    lines.push(colors.bold("Figures to reach"), colors.dim(`  ${head}`));
    lines.push(...rest.map((line, index) => `${marks[index]} ${line}`), "");
  }
  return lines.join("\n");
}

/** msg.recv without payload: the length of each bar relative to the others. */
function bars(engine: Engine, rows: readonly Row[], color: (text: string) => string): string[] {
  const cost = ({ instructions, ns }: Row) => instructions ?? ns ?? 0;
  const own = rows
    .filter((row) => row.engine === engine && row.event === "msg.recv" && row.payloadChars === 0)
    .sort((left, right) => cost(left) - cost(right));
  if (own.length < 2) return [];
  const most = cost(own[own.length - 1]!);
  const unit = isMachine(engine) ? "instructions" : "ns";
  const lines = own.map((row) => {
    const eighths = Math.round((cost(row) / most) * BAR_WIDTH * 8);
    const bar = "█".repeat(eighths >> 3) + EIGHTHS[eighths & 7];
    return `${row.path.padEnd(14)} ${color(bar)} ${number(cost(row), unit === "ns" ? 1 : 0)}`;
  });
  return [`${engine}: msg.recv without payload, ${unit}`, ...lines, ""];
}

function hasColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
}
