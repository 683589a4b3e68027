// The settings of a fast-check property: the number of runs, and the seed of this run of the tests.
import { ran, rounds, seed } from "./campaign.ts";

/** `full` runs in the full campaign, else `usual`. A failure prints seed and path. */
export function runs(full: number, usual: number) {
  const numRuns = rounds(full, usual);
  // A failing property fails the run, and then nobody relies on the counts.
  ran("cases of properties", numRuns);
  return { numRuns, seed: seed | 0 };
}
