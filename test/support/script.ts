// A script of calls on the emitter with the clock's readings, to be played in any engine: the packets must be the same.
import {
  type Connection,
  type Payload,
  type Policy,
  type Reader,
  type Reason,
  setEnabled,
  Telemetry,
  type TelemetryOptions,
} from "xs-telemetry";
import { fromHex, toHex } from "./assert.ts";

export interface Script {
  capacityBytes: number;
  policy: Policy;
  bootId: number;
  messageTypes?: number;
  limits?: { messagesPerSecond: number; burst: number };
  /** The clock's readings in the order they are taken; the last one stays. */
  clock: number[];
  calls: Call[];
}

/** A payload: text as it is, bytes in hex. */
export type ScriptPayload = string | { hex: string };

export type Call =
  | { do: "connect"; id: number; ip?: string }
  /** `on`: which connection, counted from 0. */
  | { do: "connected"; on: number }
  | { do: "disconnected"; on: number; code?: number }
  | { do: "received" | "sent"; on: number; type: string; payload?: ScriptPayload }
  | { do: "rejected"; on: number; reason: Reason; type: string; payload?: ScriptPayload }
  | { do: "reader" }
  /** One next() of reader `on` with a buffer of this many bytes. */
  | { do: "next"; on: number; bytes: number }
  | { do: "close"; on: number }
  | { do: "enable"; value: boolean };

/** The emitter that a script is played on. */
export interface Stage {
  readonly Telemetry: new (options: TelemetryOptions) => Pick<Telemetry, "connect" | "messageType" | "reader">;
  readonly setEnabled: (value: boolean) => void;
}

/** Plays a script; returns every packet in hex. */
export function play(script: Script, stage: Stage = { Telemetry, setEnabled }): string[] {
  let reading = 0;
  const { clock: readings, calls, capacityBytes, policy, bootId, messageTypes = 64, limits } = script;
  const clock = { now: () => readings[Math.min(reading++, readings.length - 1)]! };
  const telemetry = new stage.Telemetry({
    capacityBytes,
    policy,
    bootId,
    messageTypes,
    clock,
    ...(limits && { limits }),
  });
  const connections: Connection[] = [];
  const readers: Reader[] = [];
  const packets: string[] = [];
  const bytesOf = (payload: ScriptPayload | undefined): Payload | undefined =>
    typeof payload === "object" ? fromHex(payload.hex) : payload;
  for (const call of calls) {
    switch (call.do) {
      case "connect":
        connections.push(telemetry.connect(call.id, call.ip));
        break;
      case "connected":
        connections[call.on]!.connected();
        break;
      case "disconnected":
        connections[call.on]!.disconnected(call.code);
        break;
      case "received":
        connections[call.on]!.received(telemetry.messageType(call.type), bytesOf(call.payload));
        break;
      case "sent":
        connections[call.on]!.sent(telemetry.messageType(call.type), bytesOf(call.payload));
        break;
      case "rejected":
        connections[call.on]!.rejected(call.reason, telemetry.messageType(call.type), bytesOf(call.payload));
        break;
      case "reader":
        readers.push(telemetry.reader());
        break;
      case "next": {
        const buffer = new Uint8Array(call.bytes);
        const length = readers[call.on]!.next(buffer);
        if (length > 0) packets.push(toHex(buffer.subarray(0, length)));
        break;
      }
      case "close":
        readers[call.on]!.close();
        break;
      case "enable":
        stage.setEnabled(call.value);
        break;
    }
  }
  stage.setEnabled(true);
  return packets;
}
