/** What capture and tail listen to: one of five sources, each with its options. */
import { spawnSync } from "node:child_process";
import { type Command, InvalidArgumentError } from "commander";
import type { Link, LinkEvents } from "../receive/links/link.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import { standardInput } from "./io.ts";

export interface SourceOptions {
  readonly serial?: string;
  readonly udp?: number;
  readonly mqtt?: string;
  readonly ws?: string;
  readonly stdin?: true;
  readonly baud?: number;
  readonly host?: string;
  readonly byPort?: true;
  readonly topic?: string;
  readonly group?: string;
  readonly clientId?: string;
  readonly ca?: string;
  readonly duration?: number;
}

export const SOURCE_HELP = `
Name one source: --serial, --udp, --mqtt, --ws or --stdin. A serial line or standard input carries frames, with or without log
text between them. A datagram, an MQTT message or a WebSocket message is one packet. --udp listens on loopback only, unless --host
names another address. Give the broker's user name and password in the URL, or in XS_TELEMETRY_MQTT_USERNAME and
XS_TELEMETRY_MQTT_PASSWORD. Give the token of a board's server in XS_TELEMETRY_WS_TOKEN.`;

export const DEFAULT_BAUD = 115_200;
const SOURCES = ["serial", "udp", "mqtt", "ws", "stdin"] as const;
type SourceName = (typeof SOURCES)[number];
/** Options that only some sources have. */
const OPTIONS_OF: Readonly<Record<string, readonly [keyof SourceOptions, ...SourceName[]]>> = {
  "--baud": ["baud", "serial"],
  "--host": ["host", "udp"],
  "--by-port": ["byPort", "udp"],
  "--topic": ["topic", "mqtt"],
  "--group": ["group", "mqtt"],
  "--client-id": ["clientId", "mqtt"],
  "--ca": ["ca", "mqtt", "ws"],
};

export interface Source {
  /** Only UDP may deliver packets in another order; a broker keeps the order of a topic. */
  readonly mayReorder: boolean;
  /** Serial, WebSocket and stdin: there is a single device without a name. */
  readonly hasOneDevice: boolean;
  open(events: LinkEvents): Promise<Link>;
}

export function addSourceOptions(command: Command): Command {
  return command
    .option("--serial <path>", "a serial port, such as /dev/ttyUSB0 or COM3")
    .option("--udp <port>", "listen on this UDP port; each sender address is a device", integerFrom(0, 65_535))
    .option("--mqtt <url>", "a broker, such as mqtts://broker.example")
    .option("--ws <url>", "a board's WebSocket server, such as ws://192.168.0.7")
    .option("--stdin", "standard input, such as the log of a serial port")
    .option("--baud <rate>", `--serial: bits per second (default: ${DEFAULT_BAUD})`, integerFrom(50, 20_000_000))
    .option("--host <address>", "--udp: address to listen on (default: 127.0.0.1; 0.0.0.0 or :: for all)")
    .option("--by-port", "--udp: each sender port is a device of its own")
    .option("--topic <filter>", "--mqtt: topics to subscribe to; + matches the device's name (default: xs-telemetry/+)")
    .option("--group <name>", "--mqtt: share the packets among all processes with this group name")
    .option("--client-id <id>", "--mqtt: persistent session: the broker keeps packets while this process is away")
    .option("--ca <file>", "--mqtt, --ws: certificate (PEM) of the authority that signed the server's")
    .option("--duration <seconds>", "stop after this time", seconds);
}

/** Returns an argument parser for integers in a range. */
export function integerFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

/** Returns the value of a decimal number above 0, with or without a fraction; NaN for any other text. */
export function decimal(text: string): number {
  return /^\d+(\.\d+)?$/.test(text) && Number(text) > 0 ? Number(text) : Number.NaN;
}

/** Seconds, with or without a fraction. A timer takes at most 2^31 - 1 ms. */
function seconds(text: string): number {
  const value = decimal(text);
  if (value <= 2_147_483) return value;
  throw new InvalidArgumentError("Expected a number of seconds, at most 2147483.");
}

/**
 * Returns the source that the options name. Throws TelemetryError E_USAGE, exit code 2, unless there is exactly one,
 * and every option belongs to it.
 */
export function sourceOf(options: SourceOptions): Source {
  const named = SOURCES.filter((name) => options[name] !== undefined);
  const [name] = named;
  if (name === undefined || named.length > 1) {
    const which = named.length === 0 ? "no source" : named.map((source) => `--${source}`).join(" and ");
    throw usage(`${which}: name one of --serial PATH, --udp PORT, --mqtt URL, --ws URL and --stdin`);
  }
  for (const [flag, [key, ...owners]] of Object.entries(OPTIONS_OF))
    if (options[key] !== undefined && !owners.includes(name))
      throw usage(`${flag} works with --${owners.join(" and --")} only, but the source is --${name}: leave it out`);
  return {
    mayReorder: name === "udp",
    hasOneDevice: name === "serial" || name === "ws" || name === "stdin",
    open: (events) => OPEN[name](options, events),
  };
}

/** The links, and what they need, are loaded when they are opened. */
const OPEN: Readonly<Record<SourceName, (options: SourceOptions, events: LinkEvents) => Promise<Link>>> = {
  async serial({ serial, baud = DEFAULT_BAUD }, events) {
    const { openSerialLink } = await import("../receive/links/serial.ts");
    return openSerialLink({ path: serial!, baud }, events);
  },
  async udp({ udp, host, byPort }, events) {
    const { openUdpLink } = await import("../receive/links/udp.ts");
    return openUdpLink({ port: udp!, ...(host !== undefined && { host }), ...(byPort && { byPort }) }, events);
  },
  async mqtt({ mqtt, topic, group, clientId, ca }, events) {
    const { openMqttLink } = await import("../receive/links/mqtt.ts");
    const { XS_TELEMETRY_MQTT_USERNAME: username, XS_TELEMETRY_MQTT_PASSWORD: password } = process.env;
    return openMqttLink({ url: mqtt!, topic, group, clientId, ca, username, password }, events);
  },
  async ws({ ws, ca }, events) {
    const { openWsLink } = await import("../receive/links/ws.ts");
    return openWsLink({ url: ws!, ca, token: process.env.XS_TELEMETRY_WS_TOKEN }, events);
  },
  async stdin(_, events) {
    const { openStreamLink } = await import("../receive/links/stream.ts");
    const link = await openStreamLink(standardInput(), events);
    if (isCookedTerminal()) events.problem(COOKED);
    return link;
  },
};

const COOKED: Problem = {
  code: "W_COOKED_TERMINAL",
  message:
    "it is a terminal in cooked mode, which changes and swallows bytes of frames: " +
    "run stty -F /dev/ttyUSB0 raw -echo 115200 first, or read the port with --serial",
};

/** Whether standard input is a terminal in line mode. False if that is unknown. */
function isCookedTerminal(): boolean {
  if (!process.stdin.isTTY) return false;
  const { stdout } = spawnSync("stty", ["-a"], { stdio: [0, "pipe", "ignore"], encoding: "utf8" });
  return / icanon\b/.test(stdout ?? "");
}

export function usage(message: string): TelemetryError {
  return new TelemetryError("E_USAGE", message, 2);
}
