import { type Command, InvalidArgumentError, Option } from "commander";
import type { Destination } from "../simulate/links.ts";
import type { Simulation } from "../simulate/simulate.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { decimal, integerFrom, usage } from "./source.ts";

const HELP = `
Each device runs the real emitter, drainer and sink, under simulated WebSocket traffic: connections, bursts of messages, every kind
of rejection, reboots. Its clock starts from 0 at each boot. The same seed gives the same boots and calls, so a capture keeps the
packets of the first run of a seed and ignores those of a second.
It ends after --events or --duration, or with Ctrl-C. Before that it sends what the rings still hold, for at most 5 seconds or three
slices, whichever is longer.

Examples:
  $ xs-telemetry simulate --stdout --events 1000 |
      xs-telemetry capture --stdin -o capture/
  $ xs-telemetry simulate --udp 127.0.0.1:9419 --devices 20 --duration 60
  $ xs-telemetry simulate --mqtt mqtt://127.0.0.1 --devices 1000 --rate 2
  $ xs-telemetry simulate --serial /dev/ttyUSB0 --baud 115200 \\
      --rate 100 --capacity 4096 --policy discard
  $ xs-telemetry simulate --udp 9419 --seed 7 --events 500 --format json`;

interface Options {
  readonly serial?: string;
  readonly baud: number;
  readonly udp?: HostPort;
  readonly mqtt?: string;
  readonly topic?: string;
  readonly qos: 0 | 1;
  readonly ca?: string;
  readonly stdout?: true;
  readonly force?: true;
  readonly devices: number;
  readonly name: string;
  readonly seed?: number;
  readonly events?: number;
  readonly duration?: number;
  readonly rate: number | "max";
  readonly rebootEvery: number;
  readonly capacity: number;
  readonly policy: "overwrite" | "discard";
  readonly packet: number;
  readonly every: number;
  readonly slice: number;
  readonly format: "text" | "json";
}

interface HostPort {
  readonly host: string;
  readonly port: number;
}

const MOST_DEVICES = 100_000;

export function addSimulate(program: Command, context: Context): void {
  const events = integerFrom(1, Number.MAX_SAFE_INTEGER);
  program
    .command("simulate")
    .summary("simulate devices, over any link")
    .description("Simulates devices that record WebSocket traffic and send it over a link.")
    .optionsGroup("Destination (one of them):")
    .option("--serial <path>", "a serial port; one device only")
    .option("--udp <host:port>", "the port of capture --udp; each device has its own socket", hostPort)
    .option("--mqtt <url>", "a broker, mqtt:// or mqtts://, with user:password@ if it asks for them")
    .option("--stdout", "standard output, with frames as on a serial line; one device only")
    .option("--force", "--stdout: even to a terminal")
    .optionsGroup("Link:")
    .option("--baud <n>", "--serial: bits per second", integerFrom(300, 20_000_000), 115_200)
    .option("--topic <name>", '--mqtt: the topic before "/<device>" (default: xs-telemetry)')
    .addOption(option("--qos <n>", "--mqtt: 1 repeats what the broker has not acknowledged", 0, integerFrom(0, 1)))
    .option("--ca <file>", "--mqtt: certificate (PEM) of the authority that signed the broker's")
    .optionsGroup("Devices and their traffic:")
    .option("--devices <n>", `number of devices, 1 to ${MOST_DEVICES}`, integerFrom(1, MOST_DEVICES), 1)
    .option("--name <prefix>", "prefix of their names; two simulations at one broker need different ones", "sim")
    .option(
      "--seed <n>",
      "repeat the devices and calls of an earlier run (default: random)",
      integerFrom(0, 2 ** 32 - 1),
    )
    .option("--events <n>", "stop after this many events per device", events)
    .option("--duration <seconds>", "stop after this time", positive)
    .option("--rate <n>", 'mean events per second and device; "max": as fast as the link takes them', rate, 20)
    .option("--reboot-every <events>", "mean number of events per boot; 0: never reboot", integerFrom(0, 2 ** 32), 2000)
    .optionsGroup("Firmware settings:")
    .option("--capacity <bytes>", "size of the ring", integerFrom(256, 268_435_456), 16_384)
    .addOption(
      new Option("--policy <policy>", "what a full ring does").choices(["overwrite", "discard"]).default("overwrite"),
    )
    .option("--packet <bytes>", "size of the longest packet", integerFrom(256, 65_507), 1400)
    .option("--every <ms>", "time from one slice of packets to the next", integerFrom(1, 60_000), 100)
    .option("--slice <packets>", "most packets in a slice", integerFrom(1, 1000), 4)
    .optionsGroup("Output:")
    .addOption(
      new Option("--format <format>", "json: one JSON object that says what became of each event")
        .choices(["text", "json"])
        .default("text"),
    )
    .addHelpText("after", HELP)
    .action((options: Options) => runSimulate(options, context));
}

async function runSimulate(options: Options, context: Context): Promise<void> {
  const links = (["serial", "udp", "mqtt", "stdout"] as const).filter((link) => options[link] !== undefined);
  if (links.length !== 1) {
    const given = links.length === 0 ? "none is given" : `--${links.join(" and --")} are given`;
    throw usage(`name one destination: --serial, --udp, --mqtt or --stdout; ${given}`);
  }
  if ((options.serial !== undefined || options.stdout) && options.devices > 1)
    throw usage(`--devices is ${options.devices}, but a serial line has one device: use --udp or --mqtt`);
  if (options.stdout && options.format === "json")
    throw usage("--format json writes to standard output, where --stdout sends packets: use another link");

  if (options.stdout && process.stdout.isTTY && !options.force)
    throw usage("--stdout would send binary frames to this terminal: pipe them into capture --stdin, or add --force");

  const { simulate } = await import("../simulate/simulate.ts");
  const { seed = Math.floor(Math.random() * 2 ** 32), devices, events, duration } = options;
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const progress = context.progress("simulate", links[0]!, options.stdout === true);
  const destination = await open(options);
  let found: Simulation;
  try {
    found = await simulate({
      open: destination.open,
      seed,
      devices,
      name: options.name,
      ...(events !== undefined && { events }),
      ...(duration !== undefined && { durationMs: duration * 1000 }),
      signal: interrupt.signal,
      rate: options.rate,
      rebootEvery: options.rebootEvery,
      capacityBytes: options.capacity,
      policy: options.policy,
      packetBytes: options.packet,
      everyMs: options.every,
      packetsPerSlice: options.slice,
      lingerMs: Math.max(5000, 3 * options.every),
      onProgress: (made) => progress.update(() => counted(made, "event")),
    });
  } finally {
    progress.clear();
    destination.close();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
  if (options.format === "json") context.output.writeLines(`${JSON.stringify(found)}\n`);
  saySummary(found, context);
}

async function open(options: Options): Promise<Destination> {
  const { openMqtt, openSerial, streamSinks, udpSinks } = await import("../simulate/links.ts");
  const { serial, udp, mqtt, packet } = options;
  if (serial !== undefined) return openSerial(serial, options.baud, packet);
  if (mqtt !== undefined) {
    const { topic, ca, qos } = options;
    const { XS_TELEMETRY_MQTT_USERNAME: username, XS_TELEMETRY_MQTT_PASSWORD: password } = process.env;
    return openMqtt({ url: mqtt, topic, ca, QoS: qos, username, password }, packet);
  }
  if (udp !== undefined) return udpSinks(udp.host, udp.port, packet);
  return streamSinks(process.stdout, undefined, packet);
}

function saySummary({ seed, seconds, events, link, devices }: Simulation, context: Context): void {
  const boots = devices.reduce((sum, each) => sum + each.boots.length, 0);
  const took = `${seconds.toFixed(1)} s`;
  context.say(
    `simulate: seed ${seed}: ${counted(events.emitted, "event")} of ${counted(devices.length, "device")}, ${counted(boots, "boot")}, in ${took}`,
  );
  const lines: [count: number, said: string][] = [
    [
      link.packets,
      `${counted(link.packets, "packet")} with events and names, ${counted(link.bytes, "byte")} handed to the link`,
    ],
    [events.overwritten, `${counted(events.overwritten, "event")} overwritten in the ring before being sent`],
    [events.discarded, `${counted(events.discarded, "event")} refused by a full ring`],
    [events.pending, `${counted(events.pending, "event")} still in the ring when the device stopped or rebooted`],
    [events.unsent, `${counted(events.unsent, "event")} in a packet that was never sent`],
    [link.refusals, `${counted(link.refusals, "time")} without room on the link`],
    [link.failures, `${counted(link.failures, "time")} the link failed and was reopened`],
  ];
  for (const [count, said] of lines) if (count > 0) context.say(`  ${said}`);
}

function option(flags: string, description: string, value: number, parse: (text: string) => number): Option {
  return new Option(flags, description).default(value).argParser(parse);
}

function positive(text: string): number {
  const value = decimal(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError("Expected a number above 0, such as 20 or 0.5.");
}

function rate(text: string): number | "max" {
  return text === "max" ? text : positive(text);
}

function hostPort(text: string): HostPort {
  const [, host, port] = /^(?:\[?([^[\]]+)\]?:)?(\d{1,5})$/.exec(text) ?? [];
  if (Number(port) >= 1 && Number(port) <= 65_535) return { host: host ?? "127.0.0.1", port: Number(port) };
  throw new InvalidArgumentError("Expected HOST:PORT, or the port alone for this machine.");
}
