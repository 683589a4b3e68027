/**
 * How much of a long campaign a run does. Usually a seeded share, so that `npm test` takes minutes; all of it in the full
 * campaign (`npm run test:full`). Where the engine is slow, emulated or with AddressSanitizer, a quarter of either: the code is the
 * same, and what depends on 32 bits shows in few rounds. In Node the two settings come from the environment, inside XS from the command line.
 */

/** Inside XS: which emitter this is, "stress" or "", "full" or "usual", the seed, "slow" or "fast". */
declare const args: string[] | undefined;
/** Inside XS. */
declare const print: (line: string) => void;

export const isInXs = typeof args === "object";
const [size, seedText, speed] = isInXs
  ? args!.slice(2)
  : [process.env.XS_TELEMETRY_CAMPAIGN, process.env.XS_TELEMETRY_SEED];

/** Each allocation collects all of the heap, which is slow beyond any share. */
export const isStressed = isInXs && args![1] === "stress";
export const isFull = size === "full";
export const isSlow = speed === "slow";

/** 0 <= seed < 2^32. The runner prints it; the same seed gives the same cases. */
export const seed = Number(seedText ?? 0) >>> 0;

const SLOW_SHARE = 4;

/** Of a campaign of `full` rounds, those that this run does: `usual` of them, or all. At least one. */
export function rounds(full: number, usual: number): number {
  const wanted = isFull ? full : usual;
  return isSlow ? Math.ceil(wanted / SLOW_SHARE) : wanted;
}

/** Whether this run does a case of a list that the full campaign does whole: usually one in `every`, by the seed. */
export function isTaken(index: number, every: number): boolean {
  return isFull || (index + seed) % every === 0;
}

/** A seed of its own for each place that asks, and for each run. Where it shows in a message, the case can be repeated. */
export function seedFor(place: number): number {
  return (seed + Math.imul(place + 1, 0x9e3779b1)) >>> 0;
}

/** Tells the summary of the run that so much of a campaign was done, and held. `where`: for who passes it on. */
export function ran(campaign: string, count: number, where = "Node"): void {
  if (isInXs) print(JSON.stringify({ campaign, count }));
  else if (process.env.XS_TELEMETRY_TALLY)
    process
      .getBuiltinModule("node:fs")
      .appendFileSync(process.env.XS_TELEMETRY_TALLY, `${JSON.stringify({ campaign, count, where })}\n`);
}

/** The rounds of a campaign by number, from 0: those of `rounds()`. When the last is through, the summary of the run is told. */
export function* campaign(name: string, full: number, usual: number): Generator<number> {
  const count = rounds(full, usual);
  for (let round = 0; round < count; round++) yield round;
  ran(name, count);
}
