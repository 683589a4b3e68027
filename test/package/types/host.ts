// What a program on a computer writes. It must compile with and without Node's types.
import { Telemetry } from "xs-telemetry";
import {
  collect,
  type DecodedEvent,
  decode,
  decodePath,
  registry,
  StreamDecoder,
  TelemetryError,
  type TelemetryEvent,
  type v2,
} from "xs-telemetry/host";
import { MQTTClient, Serial, UDP } from "xs-telemetry/io";
import type { TelemetryEvent as SensorEvent } from "./sensor.events.js";

export const types = async (bytes: Uint8Array): Promise<string[]> => {
  const found: string[] = [];
  for await (const item of decode(bytes, { registry, with: "all" })) {
    if (item.kind !== "events") continue;
    for (const event of item.events) {
      if (event.event === "msg.recv") found.push(`${event.msgType} ${event.result} ${event.payloadSummary ?? ""}`);
      // Device, boot and time: what follows the attributes.
      const { device, boot, bootId, reader, time, timeUncertaintyMs } = event;
      found.push(`${device ?? ""} ${(boot ?? 0) + (reader ?? 0)} ${bootId} ${time} ±${timeUncertaintyMs}`);
    }
  }
  return found;
};

/** Events of another version of the bundled registry, and of a user's own. */
export async function* others(path: string): AsyncGenerator<number | string> {
  for await (const item of decodePath<v2.TelemetryEvent>(path, { registry }))
    if (item.kind === "events")
      for (const event of item.events) yield event.event === "msg.send" ? event["lw.msg.type"] : event["client.id"];
  for (const item of new StreamDecoder<SensorEvent>({ registry }).end())
    if (item.kind === "events")
      for (const event of item.events) yield event.event === "sensor.reading" ? event.temperature_c : event.uptime_ms;
}

/** An attribute of a user's registry with the name of a context member takes precedence. */
interface Tick {
  readonly event: "tick";
  readonly time: number;
}
export const isLate = (event: DecodedEvent<Tick>): boolean => event.time > 5 && event.device === "pump-7";

export const { events, problems, summary } = collect(new Telemetry({ capacityBytes: 4096 }));
export const first: TelemetryEvent | undefined = events[0];
export const sensorEvents: readonly SensorEvent[] = collect<SensorEvent>({ next: () => 0 }).events;
export const fail = (): never => {
  throw new TelemetryError("E_MINE", "mine", 1);
};
export const classes: readonly (new (options: never) => object)[] = [MQTTClient, Serial, UDP];
