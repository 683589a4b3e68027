// Runs inside XS only. The host's text/encoder treats any string as the SDK's does: copies invalid UTF-8, cuts no character.
import TextEncoder from "text/encoder";
import { equal, random, toHex } from "../support/assert.ts";

declare const stringOf: (buffer: ArrayBuffer) => string;

const encoder = new TextEncoder();
const hex = (bytes: readonly number[]) => toHex(new Uint8Array(bytes));
const stringOfBytes = (bytes: readonly number[]) => stringOf(new Uint8Array(bytes).buffer);

/** A character of XS: its bytes in a string, its UTF-16 units, its bytes encoded. */
type Character = readonly [from: number[], units: number, to: number[]];

describe("the host's text/encoder", () => {
  it("copies what String.fromArrayBuffer takes, character by character, as far as there is room", () => {
    const dice = random(130_002);
    const follow = () => 0x80 + dice.below(64);
    const same = (...bytes: number[]): Character => [bytes, 1, bytes];
    const characters: (() => Character)[] = [
      () => same(1 + dice.below(127)),
      () => same(0xc1 + dice.below(31), follow()),
      () => same(0xe0 + dice.below(13), follow(), follow()),
      () => same(0xed, 0xb0 + dice.below(16), follow()),
      () => same(0xf0 + dice.below(16), follow(), follow(), follow()),
      () => [[0xc0, 0x80], 1, [0]],
      () => [[0xed, 0xa1, 0x80 + 1, 0xed, 0xb2, 0x80 + 2], 2, [0xf0, 0xa0, 0x92, 0x82]],
    ];
    for (let round = 0; round < 3_000; round++) {
      const text = Array.from({ length: dice.below(12) }, () => dice.pick(characters)());
      const bytes = text.flatMap(([from]) => from);
      const string = stringOfBytes(bytes);
      equal(toHex(encoder.encode(string)), hex(text.flatMap(([, , to]) => to)), `encode() of ${hex(bytes)}`);
      const into = new Uint8Array(dice.below(24)).fill(0x55);
      const expected: number[] = [];
      let units = 0;
      for (const [, length, to] of text) {
        if (expected.length + to.length > into.length) break;
        expected.push(...to);
        units += length;
      }
      const { read, written } = encoder.encodeInto(string, into);
      const what = `of ${hex(bytes)} into ${into.length} bytes`;
      equal(read, units, `read ${what}`);
      equal(written, expected.length, `written ${what}`);
      while (expected.length < into.length) expected.push(0x55);
      equal(toHex(into), hex(expected), what);
    }
  });

  it("encodes what C may put into a string as it is", () => {
    for (const bytes of [
      [0x80],
      [0xff],
      [0xc3],
      [0xe2, 0x82],
      [0xf0, 0x9f, 0x98],
      [0xed, 0xa0],
      [0xed, 0xa0, 0x80, 0xed],
      [0x61, 0xbf, 0x62],
    ])
      equal(toHex(encoder.encode(stringOfBytes(bytes))), hex(bytes), "encode()");
  });
});
