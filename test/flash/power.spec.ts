// Power lost at every write and erase of a flash store, at every byte, and what a new store finds afterwards.
import { ok } from "node:assert/strict";
import { FlashStore } from "xs-telemetry/flash";
import { random } from "../support/assert.ts";
import { isFull, isTaken, ran, rounds, seedFor } from "../support/campaign.ts";
import { type Cut, NorFlash, type Operation } from "../support/dying-flash.ts";
import { runScenario } from "../support/flash-scenario.ts";

const times = <T>(count: number, item: T): T[] => Array<T>(count).fill(item);
/** Usually one in this many of these cuts is made. */
const EVERY = 4;
let cutsOffered = 0;
/** Each byte of a write, repeatedly for those of a header or mark; several ways of an interrupted erase. */
const everyByte = (operation: Operation): Cut[] => {
  const { bytes } = operation.kind === "erase" ? { bytes: [] } : operation;
  const places = [...bytes.keys()];
  const cuts: Cut[] = [...(bytes.length > 32 ? places : times(6, places).flat()), ...times<Cut>(8, "pages"), "whole"];
  return cuts.filter(() => isTaken(cutsOffered++, EVERY));
};
const MANY_CUTS = isFull ? 2000 : 2000 / EVERY;

const GEOMETRIES = [
  { blockLength: 512, blocks: 4, maxPacketBytes: 256, packets: 50, readsOf10: 0 },
  { blockLength: 512, blocks: 4, maxPacketBytes: 256, packets: 50, readsOf10: 6 },
  { blockLength: 1024, blocks: 2, maxPacketBytes: 700, packets: 40, readsOf10: 3 },
  { blockLength: 512, blocks: 5, maxPacketBytes: 300, packets: 40, readsOf10: 8, writeAlign: 16 },
  { blockLength: 1280, blocks: 3, maxPacketBytes: 300, packets: 12, readsOf10: 8, writeAlign: 256 },
];

describe("a flash store that loses power at any write", () => {
  for (const { maxPacketBytes, packets, readsOf10, ...geometry } of GEOMETRIES) {
    for (const isMarginal of readsOf10 === 6 ? [false, true] : [true]) {
      const { blockLength, blocks } = geometry;
      const how = `${isMarginal ? "a byte in part reading differently each time, " : ""}reads ${readsOf10} of 10`;
      it(`has all it took, in order, in ${blocks} blocks of ${blockLength}: every byte, ${how}`, () => {
        const flash = new NorFlash(geometry);
        const cuts = runScenario(FlashStore, {
          flash,
          maxPacketBytes,
          blockBytes: blockLength,
          packets,
          chance: random(11),
          readsOf10,
          cuts: everyByte,
          seed: 11,
          isMarginal,
          isDouble: true,
        });
        ok(cuts > MANY_CUTS, `${cuts} cuts`);
        ran("power cuts of a flash store", cuts);
      });
    }
  }

  it("has all it took, in order, where flash cannot read what was changed in part", () => {
    const cuts = runScenario(FlashStore, {
      flash: new NorFlash({ blockLength: 512, blocks: 4, writeAlign: 16 }),
      maxPacketBytes: 256,
      blockBytes: 512,
      packets: 40,
      chance: random(13),
      readsOf10: 5,
      cuts: everyByte,
      seed: 13,
      isUnreadable: true,
      isDouble: true,
    });
    ok(cuts > MANY_CUTS, `${cuts} cuts`);
    ran("power cuts of a flash store", cuts);
  });

  // A failure prints the seed.
  for (let round = 0; round < rounds(40, 4); round++) {
    it(`has all it took, in a scenario of chance, ${round + 1}`, () => {
      const seed = seedFor(700 + round);
      const chance = random(seed);
      const eraseBlocks = 1 + chance.below(2);
      const blockLength = chance.pick([512, 768, 1024]);
      const writeAlign = chance.pick([4, 8, 16, 32]);
      const flash = new NorFlash({ blockLength, blocks: eraseBlocks * (2 + chance.below(5)), writeAlign });
      // Too long for one block less.
      const maxPacketBytes = eraseBlocks * blockLength - 100 - chance.below(100);
      const cuts = runScenario(FlashStore, {
        flash,
        maxPacketBytes,
        blockBytes: eraseBlocks * blockLength,
        packets: 60,
        chance,
        readsOf10: chance.below(11),
        cuts: (operation) =>
          operation.kind === "erase" ? ["pages", "whole"] : [chance.below(operation.bytes.length), "pages", "whole"],
        seed,
        isMarginal: chance.below(2) === 1,
        isUnreadable: chance.below(2) === 1,
        isDouble: true,
      });
      ran("power cuts of a flash store", cuts);
    });
  }
});
