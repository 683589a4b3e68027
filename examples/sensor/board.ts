/** A sensor board: its events are recorded, and drained when there is time. Runs unchanged in XS and in Node. */
import { Severity, type Telemetry } from "./telemetry.gen.ts";

/** What the board measures; an application reads its sensors instead. */
const READINGS = Object.freeze([
  Object.freeze({ temperatureC: 21.5, humidityPercent: 40.25, altitudeMm: 0 }),
  Object.freeze({ temperatureC: 21.75, humidityPercent: 40.5, altitudeMm: -350 }),
  Object.freeze({ temperatureC: -3.125, humidityPercent: 99.5, altitudeMm: 1_250_000 }),
]);

/** Records a short day of the board. */
export function runBoard(telemetry: Telemetry): void {
  const i2c = telemetry.token("i2c"); // once: the same name, the same token
  telemetry.battery(80, false);
  for (let index = 0; index < READINGS.length; index++) {
    const { temperatureC, humidityPercent, altitudeMm } = READINGS[index]!;
    telemetry.sensorReading(temperatureC, humidityPercent, altitudeMm);
  }
  telemetry.sensorReading(22, 41, 0, 101_325);
  telemetry.buttonPressed(0, 250);
  telemetry.error(Severity.warning, i2c);
  telemetry.error(Severity.failure, telemetry.token("barometer"), "no answer at 0x76");
  telemetry.battery(79, true);
}

/** Passes on all waiting packets, one by one: send must be done with the bytes when it returns. */
export function drainBoard(telemetry: Telemetry, send: (packet: Uint8Array) => void): void {
  const reader = telemetry.reader();
  const buffer = new Uint8Array(1400);
  for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) send(buffer.subarray(0, bytes));
  reader.close();
}
