/** The goals, each with the measurement of this run. */
import { type Engine, type EventName, find, type Path, type Row } from "./rows.ts";
import { charactersOf, SCENES } from "./scenes.ts";
import type { Sizes } from "./sizes.ts";

type Unit = "instructions" | "bytes" | "times";

export interface Figure {
  readonly what: string;
  readonly bound: "at most" | "at least";
  readonly limit: number;
  readonly unit: Unit;
  /** NaN if a part that it needs was not measured. */
  readonly measured: number;
}

const BINARY_PEERS: readonly Path[] = ["msgpackr", "cbor-x", "avsc", "protobufjs"];

export function isReached({ bound, limit, measured }: Figure): boolean {
  return bound === "at most" ? measured <= limit : measured >= limit;
}

export function figuresOf(rows: readonly Row[], sizes: readonly Sizes[]): Figure[] {
  const value = (measure: "instructions" | "ns" | "allocatedBytes" | "recordBytes", engine: Engine) => {
    return (path: Path, event: EventName, payloadChars = 0, scene: string | null = null): number =>
      find(rows, { engine, path, event, payloadChars, scene })?.[measure] ?? Number.NaN;
  };
  const instructions = value("instructions", "xs-rv32");
  const allocated = value("allocatedBytes", "xs-rv32");
  const recordBytes = value("recordBytes", "xs-rv32");
  const ns = value("ns", "node");

  const atMost = (what: string, limit: number, unit: Unit, measured: number): Figure => {
    return { what, bound: "at most", limit, unit, measured };
  };
  const atLeast = (what: string, limit: number, measured: number): Figure => {
    return { what, bound: "at least", limit, unit: "times", measured };
  };
  const nodeRatio = (payloadChars: number, peers: readonly Path[]) =>
    Math.min(...peers.map((peer) => ns(peer, "msg.recv", payloadChars))) / ns("typescript", "msg.recv", payloadChars);

  const validateRatio = (payloadChars: number) =>
    ns("python", "validate", payloadChars) / ns("validate", "validate", payloadChars);

  const shortCalls: EventName[] = ["msg.recv", "msg.send", "ws.connected", "ws.disconnect"];
  const jsonRatio = (path: Path, payloadChars: number) =>
    instructions("JSON.stringify", "msg.recv", payloadChars) / instructions(path, "msg.recv", payloadChars);
  const device = sizes.find(({ path }) => path === "native");

  /** The adapter's cost for a message received and answered, above the server without it. */
  const above = (path: Path, name: string, measured: typeof instructions = instructions): number => {
    const characters = charactersOf(SCENES.find((scene) => scene.name === name)!);
    return measured(path, "server", characters, name) - measured("disabled", "server", characters, name);
  };
  const worst = (path: Path, measured?: typeof instructions) =>
    Math.max(...SCENES.map(({ name }) => above(path, name, measured)));

  const serverRatio = ns("disabled", "server", 20, "same-type") / ns("typescript", "server", 20, "same-type");

  return [
    atLeast("throughput of a `ws` server, with telemetry ÷ without, by its processor time", 0.97, serverRatio),
    atMost("adapter, native, one token for all", 7000, "instructions", above("native", "one-token")),
    atMost("adapter, native, four short types in turn", 12_000, "instructions", above("native", "four-types")),
    atMost("adapter, native, a type after 480 characters", 25_000, "instructions", above("native", "type-behind-480")),
    atMost("adapter, native, 540 characters without a type", 25_000, "instructions", above("native", "no-type-540")),
    atMost("adapter, native, payloads kept, 20 characters", 14_000, "instructions", above("native", "payload-20")),
    atMost("adapter, native, any message: the most expensive scene", 40_000, "instructions", worst("native")),
    atMost("… allocates, any scene", 0, "bytes", worst("native", allocated)),
    atMost("adapter, TypeScript, four short types in turn", 60_000, "instructions", above("typescript", "four-types")),
    atMost("adapter, TypeScript, the most expensive scene", 250_000, "instructions", worst("typescript")),
    atMost("code of all natives", 11_000, "bytes", device ? device.nativeBytes : Number.NaN),
    atMost(
      "native `received(token)`, `sent`, `connected`, `disconnected`: the most expensive",
      750,
      "instructions",
      Math.max(...shortCalls.map((event) => instructions("native", event))),
    ),
    atMost(
      "native `received(token, text)`, 100 characters",
      2000,
      "instructions",
      instructions("native", "msg.recv", 100),
    ),
    atMost("… allocates", 0, "bytes", allocated("native", "msg.recv", 100)),
    atMost("TypeScript `received(token)`", 6000, "instructions", instructions("typescript", "msg.recv")),
    atMost("… allocates", 0, "bytes", allocated("typescript", "msg.recv")),
    atMost(
      "TypeScript `received(token, text)`, 100 characters",
      14_000,
      "instructions",
      instructions("typescript", "msg.recv", 100),
    ),
    atMost("… allocates", 48, "bytes", allocated("typescript", "msg.recv", 100)),
    atLeast("`JSON.stringify` ÷ native, without payload", 45, jsonRatio("native", 0)),
    atLeast("`JSON.stringify` ÷ TypeScript, without payload", 6, jsonRatio("typescript", 0)),
    atLeast("`JSON.stringify` ÷ native, 100 characters", 24, jsonRatio("native", 100)),
    atMost("switched off, `if (enabled)` at the call site", 100, "instructions", instructions("disabled", "msg.recv")),
    atMost("native drain, a record of 16 bytes", 250, "instructions", instructions("native", "drain")),
    atMost("TypeScript drain, a record of 16 bytes", 1000, "instructions", instructions("typescript", "drain")),
    atMost("… allocates, a packet", 64, "bytes", allocated("typescript", "drain") * 248),
    atLeast("Node: `JSON.stringify` ÷ ours, without payload", 25, nodeRatio(0, ["JSON.stringify"])),
    atLeast("Node: `JSON.stringify` ÷ ours, 100 characters", 10, nodeRatio(100, ["JSON.stringify"])),
    atLeast("Node: fastest binary peer ÷ ours, without payload", 8, nodeRatio(0, BINARY_PEERS)),
    atLeast("Node: fastest binary peer ÷ ours, 100 characters", 3, nodeRatio(100, BINARY_PEERS)),
    atLeast("decode: babeltrace2 ÷ ours", 3, ns("babeltrace2", "decode") / ns("typescript", "decode")),
    atLeast("validate: Python ÷ ours, without payload", 2.5, validateRatio(0)),
    atLeast("validate: Python ÷ ours, 100 characters", 2.5, validateRatio(100)),
    atMost("a record without payload", 16, "bytes", recordBytes("native", "msg.recv")),
    atMost("a record with payload", 128, "bytes", recordBytes("native", "msg.recv", 100)),
    atMost(
      "code on the device: bytecode and natives",
      8192,
      "bytes",
      device ? device.bytecodeBytes + device.nativeBytes : Number.NaN,
    ),
    atMost(
      "RAM in addition to the ring, with one reader",
      1024,
      "bytes",
      device ? device.emitterBytes + device.readerBytes : Number.NaN,
    ),
  ];
}
