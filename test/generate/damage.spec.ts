// Records of any registry with invalid bytes: reported, and never an event that does not conform.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import fc from "fast-check";
import { Telemetry } from "../../examples/sensor/telemetry.gen.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import { Validator } from "../../host/validate/validate.ts";
import { goodCalls } from "../support/arbitrary-calls.ts";
import { registries } from "../support/arbitrary-registries.ts";
import { decoded, patched } from "../support/decoded.ts";
import { drain } from "../support/emit.ts";
import { OwnDevice } from "../support/own-writers.ts";
import { runs } from "../support/properties.ts";

const sensor = loadRegistry(readFileSync("examples/sensor/sensor.yaml", "utf8"), "sensor.yaml");
/** Of the packet's first record. */
const RECORD = 96;

/** A packet with one event. */
function packetOf(emit: (telemetry: Telemetry) => void): Uint8Array {
  const telemetry = new Telemetry({ capacityBytes: 1024, bootId: 1, clock: { now: () => 5 } });
  emit(telemetry);
  return drain(telemetry.reader()).at(-1)!;
}

describe("damage in records of a registry of one's own", () => {
  const reading = packetOf((telemetry) => telemetry.sensorReading(1.5, -2.5, -7));
  const battery = packetOf((telemetry) => telemetry.battery(80, true));
  const error = packetOf((telemetry) => telemetry.error(2, 0, "text"));
  const told: [title: string, bytes: Uint8Array, said: RegExp][] = [
    ["a float that is NaN", patched(reading, RECORD + 8, 1, 0, 0x80, 0x7f), /temperature_c: NaN is not finite/],
    ["a float that is infinite", patched(reading, RECORD + 12, 0, 0, 0x80, 0xff), /humidity_percent: -Infinity is not/],
    ["bits that are nobody's, in the head", patched(battery, RECORD + 6, 3), /battery: unused bits are not 0: /],
    ["bits that are nobody's, behind it", patched(reading, RECORD + 31, 0x80), /unused bits .* byte 28: 00000080/],
    ["a code that is none", patched(error, RECORD + 5, 3), /error\.severity: code 3 is unknown/],
    ["bytes past a text's end", patched(error, RECORD + 16 + 15, 1), /error\.detail: bytes after the end of the text/],
    ["a text that is not UTF-8", patched(error, RECORD + 16, 0xff), /error\.detail: the text is not UTF-8/],
    ["a record type that is none", patched(battery, RECORD + 4, 99), /record type 99 is unknown/],
  ];
  for (const [title, bytes, said] of told)
    it(`is named: ${title}`, () => {
      const { events, problems } = decoded(bytes, { registry: sensor });
      assert.deepEqual(events, []);
      assert.match(problems[0]!.message, said);
      assert.ok(problems[0]!.code.startsWith("E_RECORD"), problems[0]!.code);
    });

  it("is not reported if nothing was changed, and -0 is 0", () => {
    for (const bytes of [reading, battery, error]) assert.deepEqual(decoded(bytes, { registry: sensor }).problems, []);
    const [event] = decoded(patched(reading, RECORD + 8, 0, 0, 0, 0x80), { registry: sensor }).events;
    assert.ok(Object.is(event!.temperature_c, 0));
  });

  it("never becomes an event that does not conform, whatever the registry and whichever bits are changed", async () => {
    const changes = fc.array(fc.record({ at: fc.nat(), bit: fc.nat(7) }), { minLength: 1, maxLength: 4 });
    const any = registries.chain((registry) =>
      fc.record({ registry: fc.constant(registry), calls: goodCalls(registry), changes }),
    );
    let damages = 0;
    await fc.assert(
      fc.asyncProperty(any, async ({ registry, calls, changes }) => {
        const device = new OwnDevice(registry);
        for (const call of calls) device.call(call);
        const packets = drain(device.telemetry.reader());
        // Not in headers: errors there are not a matter of the registry.
        for (const { at, bit } of changes) {
          const packet = packets[at % packets.length]!;
          packet[RECORD + (at % (packet.length - RECORD))]! ^= 1 << bit;
        }
        const { events, problems } = decoded(Uint8Array.from(Buffer.concat(packets)), { registry: device.model });
        damages += problems.length;
        if (events.length === 0) return;
        const validator = new Validator({ registries: [device.model], strict: true, checks: ["schema"] });
        const lines = Readable.from([Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(""))]);
        for await (const issue of validator.lines(lines)) assert.fail(JSON.stringify(issue));
      }),
      runs(400, 50),
    );
    assert.ok(damages > 0);
  });
});
