/** Traces for viewers, read back: Perfetto's by another protobuf implementation, Chrome's by JSON.parse. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import type { Line } from "./exports.ts";

const SCHEMA = `
  syntax = "proto2";
  message Trace { repeated Packet packet = 1; }
  message Packet {
    optional Clocks clock_snapshot = 6; optional uint64 timestamp = 8; optional uint32 sequence = 10; optional Event event = 11;
    optional Interned interned = 12; optional uint32 flags = 13; optional Defaults defaults = 59; optional Descriptor track = 60;
    optional bool first = 87;
  }
  message Clocks { repeated Clock clocks = 1; optional uint32 primary = 2; }
  message Clock { optional uint32 id = 1; optional uint64 timestamp = 2; }
  message Defaults { optional uint32 clock = 58; }
  message Named { optional uint64 iid = 1; optional string name = 2; }
  message Interned { repeated Named events = 2; repeated Named keys = 3; }
  message Descriptor {
    optional uint64 uuid = 1; optional string name = 2; optional uint64 parent = 5; optional Counter counter = 8;
    optional int32 ordering = 11; optional int32 rank = 12; optional string description = 14;
  }
  message Counter { optional string unit = 6; }
  message Event {
    repeated Annotation annotations = 4; optional int32 type = 9; optional uint64 name_iid = 10; optional uint64 track = 11;
    optional string name = 23; optional int64 counter = 30; optional double double_counter = 44;
    repeated fixed64 flows = 47; repeated fixed64 ends = 48;
  }
  message Annotation {
    optional uint64 key = 1; optional bool bool = 2; optional int64 int = 4; optional double double = 5; optional string string = 6;
    optional string name = 10;
  }`;
const TRACE = protobuf.parse(SCHEMA, { keepCase: true }).root.lookupType("Trace");

export interface ReadEvent {
  readonly type: "begin" | "end" | "instant" | "counter";
  /** The names of the tracks, from the device on. */
  readonly track: readonly string[];
  readonly uuid: string;
  readonly ms: number;
  /** Beyond the whole millisecond, in the format's unit. */
  readonly step: number;
  readonly name: string;
  readonly values: Line;
  readonly value: number | undefined;
  readonly flows: readonly string[];
  readonly ends: readonly string[];
}

export interface ReadTrace {
  readonly events: readonly ReadEvent[];
  readonly clocks: number;
}

/** As the schema above has it; 64-bit numbers are texts. */
interface ReadAnnotation {
  readonly key?: string;
  readonly bool?: boolean;
  readonly int?: string;
  readonly double?: number;
  readonly string?: string;
  readonly name?: string;
}

interface ReadNamed {
  readonly iid: string;
  readonly name: string;
}

interface ReadPacket {
  readonly clock_snapshot?: { readonly clocks: readonly { readonly timestamp: string }[] };
  readonly timestamp: string;
  readonly sequence: number;
  readonly event?: {
    readonly annotations: readonly ReadAnnotation[];
    readonly type: number;
    readonly name_iid: string;
    readonly track: string;
    readonly name?: string;
    readonly counter?: string;
    readonly double_counter?: number;
    readonly flows: readonly string[];
    readonly ends: readonly string[];
  };
  readonly interned?: { readonly events: readonly ReadNamed[]; readonly keys: readonly ReadNamed[] };
  readonly flags?: number;
  readonly track?: { readonly uuid: string; readonly name: string; readonly parent?: string };
}

const TYPES = ["", "begin", "end", "instant", "counter"] as const;

export function readPerfetto(bytes: Uint8Array): ReadTrace {
  const message = TRACE.decode(bytes);
  // Otherwise fields unknown to the other implementation would vanish, and overlong numbers would shrink.
  assert.equal(TRACE.encode(message).finish().length, bytes.length);
  const { packet: packets } = TRACE.toObject(message, { longs: String, arrays: true }) as { packet: ReadPacket[] };
  const interned = packets.find((packet) => packet.interned)!.interned!;
  const names = (list: readonly ReadNamed[]) => new Map(list.map(({ iid, name }) => [iid, name]));
  const [events, keys] = [names(interned.events), names(interned.keys)];
  const tracks = new Map<string, string[]>();
  const found: ReadEvent[] = [];
  assert.equal(packets[0]!.flags, 3);
  for (const { sequence, track, event, timestamp, flags } of packets) {
    assert.equal(sequence, 1);
    if (track) {
      assert.ok(!tracks.has(track.uuid) && track.uuid !== "0");
      tracks.set(track.uuid, [...(track.parent ? tracks.get(track.parent)! : []), track.name]);
    }
    if (!event) continue;
    assert.equal(flags, 2);
    const value = ({ bool, int, double, string }: ReadAnnotation) =>
      bool ?? (int === undefined ? (double ?? string) : Number(int));
    found.push({
      type: TYPES[event.type as number] as ReadEvent["type"],
      track: tracks.get(event.track)!,
      uuid: event.track,
      ms: Number(BigInt(timestamp) / 1_000_000n),
      step: Number(BigInt(timestamp) % 1_000_000n),
      name: event.name ?? events.get(event.name_iid) ?? "",
      values: Object.fromEntries(event.annotations.map((each) => [each.name ?? keys.get(each.key!)!, value(each)!])),
      value: event.double_counter ?? (event.counter === undefined ? undefined : Number(event.counter)),
      flows: event.flows,
      ends: event.ends,
    });
  }
  const snapshots = packets.flatMap(({ clock_snapshot: snapshot }) => snapshot ?? []);
  for (const { clocks } of snapshots) assert.equal(clocks[0]!.timestamp, clocks[1]!.timestamp);
  return { events: found, clocks: snapshots.length };
}

export function readChrome(bytes: Uint8Array): ReadTrace {
  const { traceEvents, otherData } = JSON.parse(bytes.toString());
  const processes = new Map<number, string>();
  const threads = new Map<string, string>();
  const found: ReadEvent[] = [];
  const phases: Record<string, ReadEvent["type"]> = { b: "begin", e: "end", n: "instant", C: "counter" };
  for (const { ph, name, pid, tid, args, ts, id2, bind_id, flow_out, flow_in } of traceEvents) {
    if (ph === "M" && name === "process_name") processes.set(pid, args.name);
    else if (ph === "M" && name === "thread_name") threads.set(`${pid} ${tid}`, args.name);
    else if (ph !== "M") {
      if (ph !== "C") assert.equal(id2.local, `0x${tid.toString(16)}`);
      const track = ph === "C" ? name : threads.get(`${pid} ${tid}`)!;
      found.push({
        type: phases[ph as string]!,
        track: [...processes.get(pid)!.split(/: (?=boot [^:]*$)/), ...track.split(", ")],
        uuid: String(tid),
        ms: Math.floor(ts / 1000),
        step: ts % 1000,
        name: name ?? "",
        values: ph === "C" ? {} : (args ?? {}),
        value: ph === "C" ? (Object.values(args)[0] as number) : undefined,
        flows: flow_out ? [String(bind_id)] : [],
        ends: flow_in ? [String(bind_id)] : [],
      });
    }
  }
  return { events: found, clocks: otherData.time.startsWith("UTC") ? 1 : 0 };
}

/** What protoc says of a trace, as text. Fails if there is a field that the schema above does not have. */
export function protocText(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-proto-"));
  try {
    writeFileSync(join(folder, "trace.proto"), SCHEMA.trimStart());
    const args = ["-I", folder, "--decode=Trace", "trace.proto"];
    const { status, stdout, stderr } = spawnSync("protoc", args, { input: bytes, maxBuffer: 2 ** 30 });
    assert.equal(status, 0, stderr.toString());
    assert.doesNotMatch(stdout.toString("latin1"), /^\s*\d+(:| \{)/m, "no unknown field");
    return stdout.toString();
  } finally {
    rmSync(folder, { recursive: true });
  }
}
