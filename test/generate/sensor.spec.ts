// examples/sensor, from its registry to the output of decode, validate and babeltrace2 for its packets.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { drainBoard, runBoard } from "../../examples/sensor/board.ts";
import { Telemetry } from "../../examples/sensor/telemetry.gen.ts";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { writersSource } from "../../host/generate/writers.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { decoded } from "../support/decoded.ts";
import { bundleForXs, engine } from "../support/xs.ts";

const REGISTRY = "examples/sensor/sensor.yaml";
const model = loadRegistry(readFileSync(REGISTRY, "utf8"), REGISTRY);

function packetsOfBoard(): Uint8Array[] {
  let now = 0;
  const clock = { now: () => (now += 10) };
  const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 7, clock });
  runBoard(telemetry);
  const packets: Uint8Array[] = [];
  drainBoard(telemetry, (packet) => packets.push(packet.slice()));
  return packets;
}

describe("the sensor example", () => {
  it("has the writers that its registry gives", () => {
    equal(readFileSync("examples/sensor/telemetry.gen.ts", "utf8"), writersSource(model, "sensor.yaml"));
  });

  it("decodes to what the board did", () => {
    const { events, problems } = decoded(Uint8Array.from(Buffer.concat(packetsOfBoard())), { registry: model });
    deepEqual(problems, []);
    const shown = events.map(({ event, uptime_ms, number, schema_version, ...values }) => {
      deepEqual([uptime_ms, schema_version], [20 + 10 * Number(number), "1.0.0"]);
      return { event, ...values };
    });
    deepEqual(shown, [
      { event: "battery", charge_percent: 80, is_charging: false },
      { event: "sensor.reading", temperature_c: 21.5, humidity_percent: 40.25, altitude_mm: 0 },
      { event: "sensor.reading", temperature_c: 21.75, humidity_percent: 40.5, altitude_mm: -350 },
      { event: "sensor.reading", temperature_c: -3.125, humidity_percent: 99.5, altitude_mm: 1_250_000 },
      { event: "sensor.reading", temperature_c: 22, humidity_percent: 41, altitude_mm: 0, pressure_pa: 101_325 },
      { event: "button.pressed", pin: 0, held_ms: 250 },
      { event: "error", severity: "warning", component: "i2c" },
      { event: "error", severity: "failure", component: "barometer", detail: "no answer at 0x76" },
      { event: "battery", charge_percent: 79, is_charging: true },
    ]);
  });

  it("opens in babeltrace2 with the same values", () => {
    const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-sensor-"));
    try {
      const writer = new CaptureWriter(join(dir, "capture"), { registry: model });
      for (const packet of packetsOfBoard()) writer.write(packet);
      writer.close();
      const { events, complaints, notices } = babeltrace(join(dir, "capture"));
      deepEqual([complaints, notices], [[], []]);
      const shown = events.map(({ name, fields }) => {
        const named = Object.entries(fields).filter(([key]) => !key.startsWith("unused_"));
        return { event: name, ...Object.fromEntries(named) };
      });
      equal(shown.length, 9);
      deepEqual(shown[0], { event: "battery", charge_percent: 80, is_charging: "false" });
      deepEqual(shown[3], {
        event: "sensor.reading",
        temperature_c: -3.125,
        humidity_percent: 99.5,
        altitude_mm: 1_250_000,
      });
      deepEqual(shown[7], {
        event: "error",
        severity: "failure",
        component: "barometer",
        detail: "no answer at 0x76",
      });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  for (const name of ["rv32", "host"] as const)
    it(`writes the same packets in XS, ${name}`, async () => {
      const contents = `
        import { drainBoard, runBoard } from "./examples/sensor/board.ts";
        import { Telemetry } from "./examples/sensor/telemetry.gen.ts";
        import { toHex } from "./test/support/assert.ts";
        let now = 0;
        const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 7, clock: { now: () => (now += 10) } });
        runBoard(telemetry);
        drainBoard(telemetry, (packet) => print(toHex(packet)));
      `;
      const bundle = await bundleForXs({ contents, resolveDir: process.cwd() }, `dist/xs/sensor-${name}.js`);
      const { status, stdout, stderr } = await (await engine(name)).run(bundle);
      ok(status === 0, stderr);
      const expected = packetsOfBoard().map((packet) => Buffer.from(packet).toString("hex"));
      ok(expected.length >= 2);
      deepEqual(stdout.trim().split("\n"), expected);
    });
});
