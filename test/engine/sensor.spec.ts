// Runs inside XS only: what the generated writers of examples/sensor take from the engine's heaps.
import type { Policy } from "xs-telemetry/recorder";
import { Severity, Telemetry } from "../../examples/sensor/telemetry.gen.ts";
import { deepEqual, equal } from "../support/assert.ts";
import { type Allocation, allocationOf, CALLS, FEW_CALLS, NOTHING, slotBytes } from "../support/xs-allocation.ts";

describe("allocation of generated writers", () => {
  for (const policy of ["overwrite", "discard"] as Policy[]) {
    describe(policy, () => {
      // The platform's clock, as shipped; a small ring, so that it is full nearly all the time.
      const telemetry = new Telemetry({ capacityBytes: 1024, policy });
      const i2c = telemetry.token("i2c");
      const bytes = new Uint8Array(40).fill(0x61);
      const calls: Record<string, () => void> = {
        "a reading": () => telemetry.sensorReading(21.5, 40.25, -350),
        "a reading with what is optional": () => telemetry.sensorReading(21.5, 40.25, -350, 101_325),
        "the battery": () => telemetry.battery(80, true),
        "a button": () => telemetry.buttonPressed(3, 250),
        "an error": () => telemetry.error(Severity.failure, i2c),
        "an error with an empty text": () => telemetry.error(Severity.failure, i2c, ""),
        "an error with a text of bytes": () => telemetry.error(Severity.failure, i2c, bytes),
        "a token that is known": () => telemetry.token("i2c"),
        "numbers out of range": () => telemetry.battery(1e99, 1 as unknown as boolean),
        "a severity that is none": () => telemetry.error(9 as Severity, i2c),
      };
      for (const [name, call] of Object.entries(calls))
        it(`${name}: 0 bytes, no collection`, () => deepEqual(allocationOf(call), NOTHING, name));

      it("an error with a string: the object that encodeInto returns", () => {
        const expected: Allocation = { ...NOTHING, slotBytes: 3 * slotBytes };
        deepEqual(
          allocationOf(() => telemetry.error(Severity.failure, i2c, "no answer at 0x76"), FEW_CALLS),
          expected,
          "string",
        );
      });
    });
  }

  it("is that of calls that record: they are counted as emitted or discarded", () => {
    const telemetry = new Telemetry({ capacityBytes: 1024, policy: "overwrite" });
    allocationOf(() => telemetry.battery(80, true));
    equal(telemetry.counters().emitted, CALLS + 1, "emitted");
  });
});
