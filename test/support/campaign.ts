/**
 * How much of a long campaign a run does. Usually a seeded share, so that `npm test` takes minutes; all of it in the full campaign (`npm run
 * test:full`). If the engine is slow, emulated or with AddressSanitizer, a quarter of either: the code is the same, and effects of 32 bits show in a
 * few rounds. In Node the two settings come from the environment, inside XS from the command line.
 */

/** Inside XS: which emitter this is, "stress" or "", "full" or "usual", the seed, "slow" or "fast". */
declare const args: string[] | undefined;
/** Inside XS. */
declare const print: (line: string) => void;

export const isInXs = typeof args === "object";
const [size, seedText, speed] = isInXs
  ? args!.slice(2)
  : [process.env.XS_TELEMETRY_CAMPAIGN, process.env.XS_TELEMETRY_SEED];

/** Each allocation collects the whole heap, which is too slow for any share. */
export const isStressed = isInXs && args![1] === "stress";
export const isFull = size === "full";
export const isSlow = speed === "slow";

/** 0 <= seed < 2^32. The runner prints it; the same seed gives the same cases. */
export const seed = Number(seedText ?? 0) >>> 0;

const SLOW_SHARE = 4;

/** Of a campaign of `full` rounds, the number that this run does: `usual`, or all. At least one. */
export function rounds(full: number, usual: number): number {
  const wanted = isFull ? full : usual;
  return isSlow ? Math.ceil(wanted / SLOW_SHARE) : wanted;
}

/** Whether this run includes a case from a list that the full campaign does completely: usually one in `every`, by the seed. */
export function isTaken(index: number, every: number): boolean {
  return isFull || (index + seed) % every === 0;
}

/** A separate seed for each place and each run. If a message shows it, the case can be repeated. */
export function seedFor(place: number): number {
  return (seed + Math.imul(place + 1, 0x9e3779b1)) >>> 0;
}

/** Reports to the summary of the run how much of a campaign was done, successfully. `where`: for callers that pass it on. */
export function ran(campaign: string, count: number, where = "Node"): void {
  if (isInXs) print(JSON.stringify({ campaign, count }));
  else if (process.env.XS_TELEMETRY_TALLY)
    process
      .getBuiltinModule("node:fs")
      .appendFileSync(process.env.XS_TELEMETRY_TALLY, `${JSON.stringify({ campaign, count, where })}\n`);
}

/** The rounds of a campaign by number, from 0: those of `rounds()`. After the last one, the summary of the run gets them. */
export function* campaign(name: string, full: number, usual: number): Generator<number> {
  const count = rounds(full, usual);
  for (let round = 0; round < count; round++) yield round;
  ran(name, count);
}
