// What a property of fast-check is given: how many runs, and the seed of this run of the tests.
import { ran, rounds, seed } from "./campaign.ts";

/** `full` runs in the full campaign, else `usual`. A failure prints seed and path. */
export function runs(full: number, usual: number) {
  const numRuns = rounds(full, usual);
  // A property that does not hold fails the run, and then nobody goes by what was counted.
  ran("cases of properties", numRuns);
  return { numRuns, seed: seed | 0 };
}
