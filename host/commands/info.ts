import { statSync } from "node:fs";
import { type Command, Option } from "commander";
import picocolors from "picocolors";
import { sinceBoot } from "../decode/event-text.ts";
import type { BootRow } from "../read/statistics.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import type { Context } from "./context.ts";
import { deviceText } from "./io.ts";
import { bytesText, countedText, durationText, numberText } from "./numbers.ts";
import { openRecordingStats, type RecordingStats, type StatsOptions } from "./recording-stats.ts";
import { addRegistryOption } from "./registries.ts";
import { localText } from "./stats.ts";
import { table } from "./table.ts";

const HELP = `
Prints devices, boots, first and last event, schema versions, sizes, how full the ring was, what is damaged, and which commands
to run next.
Exit code 0: good. 1: something is damaged, or there is no event. 2: the recording could not be read, or an option is wrong.

Examples:
  $ xs-telemetry info capture/
  $ xs-telemetry info serial.log.gz
  $ xs-telemetry info --format json capture/ | jq .devices`;

const FORMS: Readonly<Record<string, string>> = {
  folder: "a capture folder",
  packets: "packets",
  frames: "packets in frames",
  flash: "a flash image",
  lines: "JSON lines",
  text: "text",
  bytes: "bytes",
};
const MOST_DEVICES = 20;

export function addInfo(program: Command, context: Context): void {
  const command = program
    .command("info")
    .summary("say what a recording is and what it holds")
    .description("Says what a recording is, what it holds, and what to do next.")
    .argument("<recording>", "a capture folder, or a file of packets, frames or JSON lines; - for standard input");
  addRegistryOption(command)
    .addOption(new Option("--format <format>", "output format").choices(["text", "json"]).default("text"))
    .addHelpText("after", HELP)
    .action((recording: string, options: StatsOptions) => runInfo(recording, options, context));
}

async function runInfo(path: string, options: StatsOptions, context: Context): Promise<void> {
  const found = await openRecordingStats("info", path, options, context);
  const info = infoOf(path, found);
  if (options.format === "json") context.output.writeLines(`${JSON.stringify(info)}\n`);
  else context.output.write(infoText(path, info, process.stdout.columns ?? 100, context));
}

interface DeviceInfo {
  readonly device: string | null;
  readonly boots: number;
  readonly events: number;
  readonly lost: number;
  readonly from: string | null;
  readonly to: string | null;
}

/** As --format json prints it; docs/format.md. */
function infoOf(path: string, { form, statistics, summary, problems }: RecordingStats) {
  const { boots, unlistedBoots, schemaVersions, events, devices } = statistics;
  const sizeBytes = form === "folder" || path === "-" ? null : statSync(path).size;
  const sum = (of: (row: BootRow) => number) => boots.reduce((total, row) => total + of(row), 0);
  const fills = boots.flatMap(({ ringFill }) => (ringFill === null ? [] : [ringFill]));
  const [first, last] = [boots[0], boots.at(-1)];
  return {
    form,
    devices,
    boots: boots.length + unlistedBoots,
    events: Object.values(events).reduce((total, count) => total + count, 0),
    first: first === undefined ? null : { time: first.from, deviceMs: first.fromMs },
    last: last === undefined ? null : { time: last.to, deviceMs: last.toMs },
    from: least(boots.map(({ from }) => from)),
    to: greatest(boots.map(({ to }) => to)),
    schemaVersions,
    sizeBytes,
    packets: summary?.packets ?? null,
    packetBytes: summary === undefined ? null : sum(({ bytes }) => bytes),
    mostRingFill: fills.length === 0 ? null : fills.reduce((most, fill) => Math.max(most, fill), 0),
    resets: summary?.bootRecords ?? {},
    lost: statistics.lost,
    damaged: summary?.damaged ?? 0,
    refused: summary?.refused ?? 0,
    problems: Object.fromEntries(problems),
    perDevice: devicesOf(boots),
  };
}

function devicesOf(boots: readonly BootRow[]): DeviceInfo[] {
  const byDevice = new Map<string | null, BootRow[]>();
  for (const row of boots) {
    const rows = byDevice.get(row.device);
    if (rows === undefined) byDevice.set(row.device, [row]);
    else rows.push(row);
  }
  return [...byDevice].map(([device, rows]) => ({
    device,
    boots: rows.length,
    events: rows.reduce((total, { events }) => total + events, 0),
    lost: rows.reduce((total, { lost }) => total + lost.lostOnDevice + lost.lostInTransit + lost.missing, 0),
    from: least(rows.map(({ from }) => from)),
    to: greatest(rows.map(({ to }) => to)),
  }));
}

/** As text, RFC 3339 with milliseconds in UTC sorts by time. */
function least(times: readonly (string | null)[]): string | null {
  return times.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
}

function greatest(times: readonly (string | null)[]): string | null {
  return times.reduce((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
}

function infoText(path: string, info: ReturnType<typeof infoOf>, columns: number, context: Context): string {
  const colors = picocolors.createColors(context.hasColor);
  const { bold, dim } = colors;
  const size = info.sizeBytes === null ? "" : `, ${bytesText(info.sizeBytes)}`;
  const rows: [name: string, said: string][] = [];
  rows.push([
    "holds",
    `${countedText(info.events, "event")} in ${countedText(info.boots, "boot")} of ${countedText(info.devices, "device")}`,
  ]);
  if (info.from !== null && info.to !== null) {
    const lasted = durationText(Date.parse(info.to) - Date.parse(info.from));
    rows.push(["time of day", `${localText(info.from)} to ${localText(info.to)}, ${lasted}`]);
  } else if (info.events > 0) rows.push(["time of day", "unknown: only the capture has it, not the packets"]);
  if (info.first !== null && info.last !== null && info.events > 0)
    rows.push(["since boot", `first event ${sinceBoot(info.first.deviceMs)}, last ${sinceBoot(info.last.deviceMs)}`]);
  for (const { schemaVersion, fingerprint, events } of info.schemaVersions)
    if (events > 0)
      rows.push([
        info.packets === null ? "schema" : "decoded as",
        `${info.packets === null ? "" : "schema "}${visible(schemaVersion)}, fingerprint ${fingerprint}`,
      ]);
  if (info.packets !== null && info.packetBytes !== null)
    rows.push(["packets", `${numberText(info.packets)}, ${bytesText(info.packetBytes)}`]);
  if (info.mostRingFill !== null) rows.push(["ring", `${Math.round(info.mostRingFill * 100)} % full at most`]);
  for (const [said, count] of Object.entries(info.resets))
    rows.push(["booted after", `${said}${count === 1 ? "" : `, ${numberText(count)} times`}`]);
  const { lostOnDevice, lostInTransit, missing, beforeFirstPacket } = info.lost;
  const lost = [
    [lostOnDevice, "on the device"],
    [lostInTransit, "on the way"],
    [missing, "missing"],
    [beforeFirstPacket, "before the first packet"],
  ] as const;
  const losses = lost.flatMap(([count, where]) => (count > 0 ? [`${numberText(count)} ${where}`] : []));
  rows.push(["lost", losses.length === 0 ? "nothing" : losses.join(", ")]);
  const problems = Object.entries(info.problems).filter(([code]) => code.startsWith("E_"));
  rows.push([
    "damaged",
    problems.length === 0 ? "nothing" : problems.map(([code, count]) => `${code} ${numberText(count)}`).join(", "),
  ]);
  const text = rows.map(([name, said]) => `  ${dim(name.padEnd(12))}  ${said}\n`).join("");
  const perDevice = info.perDevice
    .slice(0, MOST_DEVICES)
    .map(({ device, boots, events, lost: gone, from }) => [
      device === null ? "" : deviceText(device),
      numberText(boots),
      numberText(events),
      gone === 0 ? "" : numberText(gone),
      from === null ? "" : localText(from),
    ]);
  const list =
    info.devices > 1 ? `\n${table(["device", ">boots", ">events", ">lost", "from"], perDevice, columns, colors)}` : "";
  const more =
    info.devices > 1 && info.perDevice.length > MOST_DEVICES
      ? `  … and ${numberText(info.perDevice.length - MOST_DEVICES)} more\n`
      : "";
  return `${bold(nameOf(path))}: ${FORMS[info.form] ?? info.form}${size}\n${text}${list}${more}\n${goOn(path, info)}\n`;
}

function goOn(path: string, { form, events, lost, problems }: ReturnType<typeof infoOf>): string {
  const quoted = quotedPath(path);
  if (events === 0 && (problems.E_REGISTRY ?? 0) > 0)
    return `go on with: xs-telemetry info --registry FILE ${quoted}, with the registry that its packets are of`;
  if (events === 0)
    return form === "text" ? `next: xs-telemetry extract ${quoted}` : "next: nothing to do, it is empty";
  if (lost.lostOnDevice + lost.lostInTransit > 0) return `next: xs-telemetry stats ${quoted}`;
  return `next: xs-telemetry show ${quoted}`;
}

/** Quoted for a shell. */
export function quotedPath(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${visible(path).replaceAll("'", "'\\''")}'`;
}
