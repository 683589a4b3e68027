// Byte strings for code that reads text, the same in every engine.
import { random } from "./assert.ts";
import { seedFor } from "./campaign.ts";

const A = 0x61;

export const ALL_SHORT = 256 + 256 ** 2 + 256 ** 3;

/** The byte string of one to three bytes with this number. */
function short(index: number): number[] {
  if (index < 256) return [index];
  if (index < 256 + 256 ** 2) return [(index - 256) >> 8, (index - 256) & 255];
  const rest = index - 256 - 256 ** 2;
  return [rest >> 16, (rest >> 8) & 255, rest & 255];
}

/** This many of the byte strings of one to three bytes, evenly distributed; ALL_SHORT: all. */
export function* shortOnes(count: number): Generator<number[]> {
  const every = Math.max(1, Math.floor(ALL_SHORT / count));
  for (let index = random(seedFor(13)).below(every); index < ALL_SHORT; index += every) yield short(index);
}

/** This many byte strings, which may be longer than a text: UTF-8, nearly UTF-8, and neither. */
export function* longerOnes(count: number): Generator<number[]> {
  const dice = random(seedFor(13));
  const any = () => dice.below(256);
  const follow = () => 0x80 + dice.below(64);
  const pieces: (() => number[])[] = [
    () => [A],
    () => new Array<number>(dice.below(60)).fill(A),
    () => [0xc0, 0x80],
    () => [0xed, 0xa0 + dice.below(32), follow()],
    () => [0xed, 0xa0 + dice.below(16), follow(), 0xed, 0xb0 + dice.below(16), follow()],
    () => [0xf0 + dice.below(5), follow(), follow(), follow()],
    () => [0xc0 + dice.below(32), follow()],
    () => [0xe0 + dice.below(16), follow(), follow()],
    () => [0xf0 + dice.below(16), follow(), follow(), follow()],
  ];
  const loose = [any, follow, () => 0, () => 0xc0 + dice.below(64), () => 0xed];
  for (let left = count; left > 0; left--) {
    const bytes = new Array<number>(dice.below(2) * dice.below(100)).fill(A);
    const isLoose = dice.below(2) === 0;
    for (let more = 1 + dice.below(24); more > 0; more--)
      bytes.push(...(isLoose && dice.below(3) === 0 ? [dice.pick(loose)()] : dice.pick(pieces)()));
    yield bytes;
  }
}
