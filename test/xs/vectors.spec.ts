import { deepEqual, equal, ok } from "../support/assert.ts";
import { play } from "../support/script.ts";
import { scripts } from "../vectors/scripts.ts";
import vectors from "../vectors/wire-format-1-6daeb2e8.json" with { type: "json" };

const kept = vectors as Record<string, { packets: string[] }>;

describe("vectors of wire format 1", () => {
  it("exist for every script", () => {
    ok(Object.keys(kept).length >= 6, `${Object.keys(kept).length} vectors found`);
    deepEqual(Object.keys(kept), Object.keys(scripts), "names");
  });
  for (const [name, script] of Object.entries(scripts)) {
    it(`are what the emitter writes: ${name}`, () => {
      const packets = play(script);
      equal(packets.length, kept[name]!.packets.length, "packets");
      for (const [index, packet] of packets.entries()) equal(packet, kept[name]!.packets[index], `packet ${index}`);
    });
  }
});
