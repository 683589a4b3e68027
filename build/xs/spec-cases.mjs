// What the self-tests of both engines check: what a script allocates, and how text/encoder encodes.
import assert from "node:assert/strict";

export const ROUNDS = 10_000;

const snippets = {
  "nothing at all": "",
  "a call that returns a string literal": "callee();",
  "comparing string literals": 'if (callee() === "another") print("never");',
  "a method with private fields": "point.move(1);",
  "a typed array store": "bytes[i & 63] = i;",
  "a look-up in a Map": 'map.get("key");',
  "try without a throw": "try { callee(); } catch { print(0); }",
  "an object": "({});",
  "an array of one": "[1];",
  "a property of a string": "callee().length;",
  "a built-in method as an object": 'includes.call("abc", "b");',
  encodeInto: 'encoder.encodeInto("abc", bytes);',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the code of the spec that has it
  "a template literal": "`${i}`;",
};

/** A module that prints what ROUNDS runs of each snippet take from the heaps. */
const allocations = `
  import TextEncoder from "text/encoder";
  const includes = String.prototype.includes;
  const encoder = new TextEncoder();
  const bytes = new Uint8Array(112);
  const map = new Map([["key", 1]]);
  const callee = () => "a string literal";
  class Point { #x = 1; move(by) { this.#x = this.#x + by; } }
  const point = new Point();
  const cases = {
    ${Object.entries(snippets)
      .map(([name, code]) => `${JSON.stringify(name)}(count) { for (let i = 0; i < count; i++) { ${code} } }`)
      .join(",\n    ")}
  };
  const result = {};
  for (const name of Object.keys(cases)) {
    const run = cases[name];
    run(1);
    const slots = heap.slots();
    const chunkBytes = heap.chunkBytes();
    const collections = heap.collections();
    run(${ROUNDS});
    const slotsAfter = heap.slots(); // each on its own: making an array to hold them would count
    const chunkBytesAfter = heap.chunkBytes();
    result[name] = [slotsAfter - slots, chunkBytesAfter - chunkBytes, heap.collections() - collections];
  }
  print(JSON.stringify(result));`;

/** Slots and chunk bytes per round, by XS's layout; the items of an array are a chunk, with a header. */
const allocating = (slotBytes) => ({
  "an object": [1, 0],
  "an array of one": [2, slotBytes * 1.5],
  "a property of a string": [2, 0],
  "a built-in method as an object": [3, 0],
  encodeInto: [3, 0],
});

/**
 * Declares a case for each snippet: it allocates exactly what XS allocates for it, according to the engine's own counters. `answer` runs a
 * module and returns the JSON of its last line.
 */
export function itAllocates(slotBytes, answer) {
  describe(`over ${ROUNDS} rounds`, () => {
    let measured;
    before(async () => {
      measured = await answer(allocations);
    });
    for (const what of Object.keys(snippets)) {
      const expected = what === "a template literal" ? null : (allocating(slotBytes)[what] ?? [0, 0]);
      const text = expected ? `exactly ${expected[0]} slots and ${expected[1]} chunk bytes` : "chunk bytes";
      it(`${what} allocates ${text} a round`, () => {
        const [slots, chunkBytes, collections] = measured[what];
        assert.equal(collections, 0, "a collection makes the other counts useless");
        if (expected) assert.deepEqual([slots, chunkBytes], [expected[0] * ROUNDS, expected[1] * ROUNDS]);
        else assert.ok(chunkBytes >= ROUNDS * slotBytes, `${chunkBytes} chunk bytes`);
      });
    }
  });
}

/** A module that encodes many odd texts, and its expected output. */
export const encoder = `
  import TextEncoder from "text/encoder";
  const encoder = new TextEncoder();
  const into = (text, size) => {
    const bytes = new Uint8Array(size).fill(255);
    const { read, written } = encoder.encodeInto(text, bytes);
    return [read, written, Array.from(bytes).map((byte) => byte.toString(16).padStart(2, "0")).join("")];
  };
  const thrown = (call) => { try { call(); return "nothing"; } catch (error) { return error.constructor.name ?? String(error); } };
  const high = String.fromCharCode(0xd83d);
  const low = String.fromCharCode(0xde00);
  print(JSON.stringify({
    nul: into("a\\0b", 4),
    nulAlone: into("\\0", 1),
    high: into(high + "x", 5),
    low: into("x" + low, 5),
    pair: into(high + low, 5),
    pairCut: into("a" + high + low, 4),
    lowHigh: into(low + high, 7),
    two: into("é", 2), twoCut: into("é", 1),
    three: into("€", 3), threeCut: into("a€", 3),
    four: into("😀", 4), fourCut: into("😀", 3),
    nothing: into("", 2), noRoom: into("a", 0),
    number: into(42, 2),
    encode: Array.from(encoder.encode("a\\0" + high + low + low + "é")),
    isBytes: encoder.encode("") instanceof Uint8Array,
    noArray: thrown(() => encoder.encodeInto("a", [])) !== "nothing",
    noSecond: thrown(() => encoder.encodeInto("a")) !== "nothing",
    words: thrown(() => encoder.encodeInto("a", new Uint16Array(1))) !== "nothing",
  }));`;

export const encoded = {
  nul: [3, 3, "610062ff"],
  nulAlone: [1, 1, "00"],
  high: [2, 4, "eda0bd78ff"],
  low: [2, 4, "78edb880ff"],
  pair: [2, 4, "f09f9880ff"],
  pairCut: [1, 1, "61ffffff"],
  lowHigh: [2, 6, "edb880eda0bdff"],
  two: [1, 2, "c3a9"],
  twoCut: [0, 0, "ff"],
  three: [1, 3, "e282ac"],
  threeCut: [1, 1, "61ffff"],
  four: [1, 4, "f09f9880"],
  fourCut: [0, 0, "ffffff"],
  nothing: [0, 0, "ffff"],
  noRoom: [0, 0, ""],
  number: [2, 2, "3432"],
  encode: [97, 0, 240, 159, 152, 128, 237, 184, 128, 195, 169],
  isBytes: true,
  noArray: true,
  noSecond: true,
  words: true,
};
