// What a property of fast-check is given: how many runs, and the seed of this run of the tests.
import { rounds, seed } from "./campaign.ts";

/** `full` runs in the full campaign, else `usual`. A failure prints seed and path. */
export const runs = (full: number, usual: number) => ({ numRuns: rounds(full, usual), seed: seed | 0 });
