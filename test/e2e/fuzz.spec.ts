import { fuzzReceiving } from "../fuzz/receiving.ts";
import { rounds, seedFor } from "../support/campaign.ts";

describe("hostile input on every listening side", () => {
  it("loses no good packet, throws nothing and counts everything, whatever comes between: a seeded share of build/fuzz.mjs", async function () {
    this.timeout(1_800_000);
    await fuzzReceiving(rounds(1_000_000, 10_000), seedFor(8) >>> 1);
  });
});
