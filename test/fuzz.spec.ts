import { fuzzReceiving } from "./fuzz/receiving.ts";

describe("hostile input on every listening side", () => {
  it("loses no good packet, throws nothing and counts everything, whatever comes between: a seeded share of build/fuzz.mjs", async () => {
    await fuzzReceiving(10_000, 20_260_101);
    const seed = Math.floor(Math.random() * 2 ** 31);
    await fuzzReceiving(3000, seed);
  });
});
