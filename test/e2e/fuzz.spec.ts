import { fuzzReceiving } from "../fuzz/receiving.ts";
import { isFull, ran, rounds, seedFor } from "../support/campaign.ts";

describe("hostile input on every listening side", () => {
  it("loses no good packet, throws nothing and counts everything, whatever comes between", async function () {
    this.timeout(7_200_000);
    const { runs } = await fuzzReceiving(rounds(15_100_000, 10_000), seedFor(8) >>> 1, isFull ? 4 : 1);
    ran("mutated inputs through all that receives", runs);
  });
});
