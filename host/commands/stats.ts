import { type Command, Option } from "commander";
import picocolors from "picocolors";
import type { Spread } from "../read/histogram.ts";
import type { ClientRow, Losses, Statistics } from "../read/statistics.ts";
import { visible } from "../text/lines.ts";
import type { Context } from "./context.ts";
import { deviceText } from "./io.ts";
import { bytesText, countedText, durationText, numberText } from "./numbers.ts";
import { openRecordingStats, type StatsOptions } from "./recording-stats.ts";
import { addRegistryOption } from "./registries.ts";
import { table } from "./table.ts";

const HELP = `
Prints for each device its boots and their losses; connections and how long they lasted; rejections by reason and by client; for
each message type its count, its bytes, and the time from a msg.recv to the next msg.send on the same connection; the busiest
clients and seconds. Percentiles are right to within 1 %, everything else is exact. docs/format.md describes the JSON.
Exit code 0: good. 1: something is damaged, or there is no event. 2: the recording could not be read, or an option is wrong.

Examples:
  $ xs-telemetry stats capture/
  $ xs-telemetry stats --format json capture/ |
      jq '.messageTypes[] | {type, p99: .answerMs.p99}'
  $ xs-telemetry decode capture/ | grep pump-7 | xs-telemetry stats -`;

const MOST_ROWS = 20;

export function addStats(program: Command, context: Context): void {
  const command = program
    .command("stats")
    .summary("sum up what happened in a recording")
    .description("Sums up a recording: boots, losses, connections, rejections, times to an answer.")
    .argument("<recording>", "a capture folder, or a file of packets, frames or JSON lines; - for standard input");
  addRegistryOption(command)
    .addOption(new Option("--format <format>", "output format").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action((recording: string, options: StatsOptions) => runStats(recording, options, context));
}

async function runStats(path: string, options: StatsOptions, context: Context): Promise<void> {
  const { statistics } = await openRecordingStats("stats", path, options, context);
  if (options.format === "json") context.output.writeLines(`${JSON.stringify(statistics)}\n`);
  else context.output.write(statsText(statistics, picocolors.createColors(context.hasColor), process.stdout.columns));
}

type Colors = ReturnType<typeof picocolors.createColors>;

/** Returns the sums for people, in rows of this many columns. */
export function statsText(statistics: Statistics, colors: Colors, columns = 100): string {
  const { boots, events, connections, rejections, messageTypes, busiest, attributes } = statistics;
  const parts: string[] = [];
  const part = (title: string, head: readonly string[], rows: readonly (readonly string[])[], said = "") => {
    if (rows.length === 0 && said === "") return;
    const more =
      rows.length > MOST_ROWS ? `  … and ${numberText(rows.length - MOST_ROWS)} more; --format json has all\n` : "";
    parts.push(
      `${colors.bold(title)}${said === "" ? "" : `  ${said}`}\n${table(head, rows.slice(0, MOST_ROWS), columns, colors)}${more}`,
    );
  };
  const total = Object.values(events).reduce((sum, count) => sum + count, 0);
  const kinds = Object.entries(events).filter(([, count]) => count > 0);
  part(
    "events",
    ["event", ">count", ">share"],
    kinds.map(([name, count]) => [visible(name), numberText(count), `${((100 * count) / total).toFixed(1)} %`]),
    `${numberText(total)}, ${statistics.perSecond.toFixed(1)} a second while devices were on`,
  );
  part(
    "boots",
    ["device", ">boot", "from", ">lasted", ">events", ">lost", ...(boots.some(({ reset }) => reset) ? ["after"] : [])],
    boots.map((row) => [
      row.device === null ? "" : deviceText(row.device),
      row.boot === null ? "" : String(row.boot),
      row.from === null ? "" : localText(row.from),
      durationText(row.toMs - row.fromMs),
      numberText(row.events),
      lossText(row.lost),
      ...(row.reset === null ? [] : [visible(row.reset.reset)]),
    ]),
    `${numberText(boots.length + statistics.unlistedBoots)}, of ${countedText(statistics.devices, "device")}`,
  );
  const { durationMs } = connections;
  if (connections.begun + connections.begunUnseen > 0)
    part(
      "connections",
      SPREAD_HEAD,
      [spreadRow("lasted", durationMs)],
      `${numberText(connections.begun)} begun, ${numberText(connections.openAtEnd)} open at the end${connections.begunUnseen > 0 ? `, ${numberText(connections.begunUnseen)} begun before this recording` : ""}`,
    );
  if (rejections.total > 0) {
    const reasons = Object.entries(rejections.byReason).map(([name, count]) => `${visible(name)} ${numberText(count)}`);
    part(
      "rejections",
      ["client", ">rejected"],
      clientRows(rejections.byClient),
      `${numberText(rejections.total)}: ${reasons.join(", ")}`,
    );
  }
  part(
    "messages",
    ["type", ">received", ">sent", ">bytes", ">answer p50", ">p90", ">p99", ">max", ">unanswered"],
    messageTypes.map(({ type, received, sent, bytes, answerMs, unanswered, unknown }) => [
      type === "" ? '""' : visible(type),
      numberText(received),
      numberText(sent),
      bytesText(bytes),
      ...[answerMs.p50, answerMs.p90, answerMs.p99, answerMs.greatest].map(orNothing),
      `${numberText(unanswered)}${unknown > 0 ? ` (+${numberText(unknown)} ?)` : ""}`,
    ]),
  );
  part("busiest clients", ["client", ">events"], clientRows(busiest.clients));
  part(
    "busiest seconds",
    ["device", ">boot", "when", ">events"],
    busiest.seconds.map(({ device, boot, second, time, events: count }) => [
      device === null ? "" : deviceText(device),
      boot === null ? "" : String(boot),
      time === null ? `+${durationText(second * 1000)}` : localText(time),
      numberText(count),
    ]),
  );
  for (const [key, value] of Object.entries(attributes)) {
    if ("mean" in value && typeof value.count === "number" && "p50" in value) {
      const { count, least, mean, p50, p90, p99, greatest } = value as Spread;
      const row = [least, mean, p50, p90, p99, greatest].map((each) => (each === null ? "" : rounded(each)));
      part(
        visible(key),
        [">count", ">least", ">mean", ">p50", ">p90", ">p99", ">greatest"],
        [[numberText(count), ...row]],
      );
    } else if (!(key in { result: 0, reason: 0 }) || rejections.total === 0) {
      const rows = Object.entries(value as Record<string, number>);
      part(
        visible(key),
        ["value", ">count"],
        rows.map(([word, count]) => [word === "" ? '""' : visible(word), numberText(count)]),
      );
    }
  }
  if (statistics.repeatedByReaders > 0)
    parts.push(
      `${countedText(statistics.repeatedByReaders, "event")} of further readers not counted: they repeat the same events\n`,
    );
  return parts.join("\n");
}

const SPREAD_HEAD = ["", ">count", ">p50", ">p90", ">p99", ">longest"];

function spreadRow(name: string, { count, p50, p90, p99, greatest }: Spread): string[] {
  return [name, numberText(count), ...[p50, p90, p99, greatest].map(orNothing)];
}

function orNothing(ms: number | null): string {
  return ms === null ? "–" : durationText(ms);
}

function clientRows(rows: readonly ClientRow[]): string[][] {
  return rows.map(({ device, client, count }) => [
    `${device === null ? "" : `${deviceText(device)} `}${visible(String(client))}`,
    numberText(count),
  ]);
}

function lossText({ lostOnDevice, lostInTransit, missing, beforeFirstPacket }: Losses): string {
  const parts = [
    [lostOnDevice, "device"],
    [lostInTransit, "way"],
    [missing, "?"],
    [beforeFirstPacket, "before"],
  ] as const;
  return parts.flatMap(([count, where]) => (count > 0 ? [`${numberText(count)} ${where}`] : [])).join(", ");
}

/** `2026-11-28 03:54:15` in the local time zone. */
export function localText(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function rounded(value: number): string {
  return Number.isInteger(value) ? numberText(value) : String(Number(value.toPrecision(6)));
}
