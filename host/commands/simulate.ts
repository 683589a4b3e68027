import { type Command, InvalidArgumentError, Option } from "commander";
import type { Destination } from "../simulate/links.ts";
import type { Simulation } from "../simulate/simulate.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { decimal, integerFrom, usage } from "./source.ts";

const HELP = `
The devices are the real emitter, drainer and sinks, called by traffic of WebSocket clients: connections, bursts of messages,
rejections of every kind, reboots. Each has a clock of its own, from 0 at each boot. The same seed gives the same boots and calls;
so a capture takes the packets of a seed once, and passes over those of a second run.
It ends after --events or --duration, or with Ctrl-C; what the rings still hold is sent first, for 5 seconds, or three slices, at the most.

Examples:
  $ xs-telemetry simulate --stdout --events 1000 | xs-telemetry capture --stdin -o capture/
  $ xs-telemetry simulate --udp 127.0.0.1:9419 --devices 20 --duration 60
  $ xs-telemetry simulate --mqtt mqtt://127.0.0.1 --devices 1000 --rate 2
  $ xs-telemetry simulate --serial /dev/ttyUSB0 --baud 115200 --rate 100 --capacity 4096 --policy discard
  $ xs-telemetry simulate --udp 127.0.0.1:9419 --seed 7 --events 500 --format json`;

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
    .summary("devices without a board: played, over any link")
    .description("Plays devices with WebSocket traffic, which send what they record over a link.")
    .optionsGroup("Where to:")
    .option("--serial <path>", "a serial port; one device")
    .option("--udp <host:port>", "a port where capture --udp listens; each device has a socket of its own", hostPort)
    .option("--mqtt <url>", "a broker, mqtt:// or mqtts://, with user:password@ if need be")
    .option("--stdout", "standard output, frames as on a serial line; one device")
    .option("--force", "--stdout: also to a terminal")
    .optionsGroup("Of the link:")
    .option("--baud <n>", "bits a second of --serial", integerFrom(300, 20_000_000), 115_200)
    .option("--topic <name>", 'of --mqtt: what stands before "/<device>" (default: xs-telemetry)')
    .addOption(
      option("--qos <n>", "of --mqtt: 1 sends again what the broker has not acknowledged", 0, integerFrom(0, 1)),
    )
    .option("--ca <file>", "of --mqtt: certificate (PEM) of who signed the broker's")
    .optionsGroup("Devices and what happens on them:")
    .option("--devices <n>", `how many, 1 to ${MOST_DEVICES}`, integerFrom(1, MOST_DEVICES), 1)
    .option("--name <prefix>", "what their names begin with; two simulations at one broker need two", "sim")
    .option("--seed <n>", "for the same devices and calls again (default: a random one)", integerFrom(0, 2 ** 32 - 1))
    .option("--events <n>", "how many events a device emits", events)
    .option("--duration <seconds>", "for how long", positive)
    .option("--rate <n>", 'events a second and device in the mean; "max": as fast as they leave', rate, 20)
    .option("--reboot-every <events>", "from boot to reboot in the mean; 0: never", integerFrom(0, 2 ** 32), 2000)
    .optionsGroup("What the firmware sets:")
    .option("--capacity <bytes>", "of the ring", integerFrom(256, 268_435_456), 16_384)
    .addOption(new Option("--policy <policy>", "of a full ring").choices(["overwrite", "discard"]).default("overwrite"))
    .option("--packet <bytes>", "of the longest packet", integerFrom(256, 65_507), 1400)
    .option("--every <ms>", "from one slice of packets to the next", integerFrom(1, 60_000), 100)
    .option("--slice <packets>", "most packets in a slice", integerFrom(1, 1000), 4)
    .optionsGroup("Output:")
    .addOption(
      new Option("--format <format>", "json: what became of each event, as one JSON object, on standard output")
        .choices(["text", "json"])
        .default("text"),
    )
    .addHelpText("after", HELP)
    .action((options: Options) => runSimulate(options, context));
}

async function runSimulate(options: Options, context: Context): Promise<void> {
  const links = (["serial", "udp", "mqtt", "stdout"] as const).filter((link) => options[link] !== undefined);
  if (links.length !== 1) {
    const given = links.length === 0 ? "none of them is there" : `there are --${links.join(" and --")}`;
    throw usage(`one of --serial, --udp, --mqtt and --stdout says where to: ${given}`);
  }
  if ((options.serial !== undefined || options.stdout) && options.devices > 1)
    throw usage(`--devices is ${options.devices}, but a serial line has one device: use --udp or --mqtt`);
  if (options.stdout && options.format === "json")
    throw usage("--format json writes to standard output, where --stdout sends packets: use another link");

  if (options.stdout && process.stdout.isTTY && !options.force)
    throw usage(
      "--stdout would send frames, which are no text, to this terminal: pipe them into capture --stdin, or add --force",
    );

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
      `${counted(link.packets, "packet")} of events and of names, ${counted(link.bytes, "byte")} given to the link`,
    ],
    [events.overwritten, `${counted(events.overwritten, "event")} overwritten in the ring before they were sent`],
    [events.discarded, `${counted(events.discarded, "event")} refused by a full ring`],
    [
      events.pending,
      `${counted(events.pending, "event")} still in the ring when the device was switched off, or rebooted`,
    ],
    [events.unsent, `${counted(events.unsent, "event")} in a packet that no longer left`],
    [link.refusals, `${counted(link.refusals, "time")} the link had no room`],
    [link.failures, `${counted(link.failures, "time")} the link was broken, and opened again`],
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
  throw new InvalidArgumentError("Expected HOST:PORT, or a port of this machine.");
}
