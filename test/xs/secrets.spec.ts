import type { Telemetry, TelemetryOptions } from "xs-telemetry";
import { equal, ok } from "../support/assert.ts";
import { holds, holdsAny, policies, SECRET, tell, withMemory } from "../support/secrets.ts";

/** Inside XS, the first is which emitter this is. */
declare const args: string[] | undefined;

const isNative = typeof args === "object" && args[0] === "native";
const CAPACITY_BYTES = 32_768;

/** Where what was told is found: in the emitter's memory before and after draining, and in the packets. */
function found(options: Partial<TelemetryOptions>, made: (telemetry: Telemetry) => void) {
  const { telemetry, memory } = withMemory({ capacityBytes: CAPACITY_BYTES, clock: { now: () => 5 }, ...options });
  made(telemetry);
  const bytes = memory().reduce((sum, part) => sum + part.length, 0);
  // The natives' ring is C's, and no script sees it; a packet is a copy of its records.
  if (!isNative) ok(bytes > CAPACITY_BYTES, `the ring is among the ${bytes} bytes of memory found`);
  tell(telemetry);
  const inMemory = memory().some(holdsAny);
  const reader = telemetry.reader();
  const buffer = new Uint8Array(4096);
  let packets = 0;
  let inPackets = false;
  for (let length = reader.next(buffer); length > 0; length = reader.next(buffer), packets++)
    inPackets ||= holdsAny(buffer);
  ok(packets > 0, `${packets} packets`);
  equal(telemetry.counters().overwritten, 0, "overwritten");
  return { inMemory: inMemory || memory().some(holdsAny), inPackets };
}

describe("the search for a secret", () => {
  it("finds six characters in a row wherever they begin, in UTF-8 and in UTF-16 of either order, and no fewer", () => {
    for (const [width, shift] of [
      [1, 0],
      [2, 0],
      [2, 1],
    ] as const)
      for (let from = 0; from + 6 <= SECRET.length; from++)
        for (let at = 0; at < 12; at++)
          for (const length of [5, 6]) {
            const bytes = new Uint8Array(at + length * width);
            for (let index = 0; index < length; index++)
              bytes[at + index * width + shift] = SECRET.charCodeAt(from + index);
            equal(
              holds(bytes, SECRET),
              length === 6,
              `${length} characters from ${from} at ${at}, ${width} bytes each`,
            );
          }
  });
});

describe("a secret", () => {
  it('is found in memory and packets with "keep", so that the search is one', () => {
    const { inMemory, inPackets } = found({}, () => undefined);
    equal(inMemory, !isNative, "in memory");
    ok(inPackets, "in packets");
  });

  let emitter: Telemetry | undefined;
  const all = policies(() => emitter!);
  for (const name of Object.keys(all))
    it(`is in no memory of the emitter's and in no packet with ${name}`, () => {
      const { inMemory, inPackets } = found(all[name]!, (telemetry) => {
        emitter = telemetry;
      });
      equal(inMemory, false, "in memory");
      equal(inPackets, false, "in packets");
    });
});
