// What the self-tests of bare machines share: writing and running programs, and cases that check that a count of instructions is exact.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder for the programs of a spec, and functions that run them. Call remove() at the end. */
export function programs(name) {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  let specs = 0;
  const file = (name, content) => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };
  const runIn = (where, source, options) => where.run({ main: file(`spec-${++specs}.js`, source), ...options });
  /** Runs source, which must end well. Returns the JSON of its last line. */
  const answer = async (where, source, options) => {
    const { status, stdout, stderr } = await runIn(where, source, options);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout.trimEnd().split("\n").at(-1));
  };
  return { folder, file, runIn, answer, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Natives that a script may ask for; the comment makes this a separate build, which nobody will ask for again. */
export const nativeSource = (folder) => `/* ${folder} */
#include "xsmc.h"
#include "mc.xs.h"
#include "xsHost.h"
void xs_test_sum(xsMachine* the) { xsmcSetInteger(xsResult, xsmcToInteger(xsArg(0)) + xsmcToInteger(xsArg(1))); }
void xs_test_ms(xsMachine* the) { xsmcSetInteger(xsResult, (int)modMilliseconds()); }
void xs_test_lost(xsMachine* the) { *(volatile int*)8 = the != 0; }
void xs_test_none(xsMachine* the) { (void)the; }
void xs_test_hundred(xsMachine* the) { (void)the; __asm__ volatile(".rept 100\\n nop\\n .endr"); }
`;

/** Programs that end the same on all machines: the case's name, the program, the exit code, the content of stderr, options. */
export const ends = [
  ["an uncaught exception", "function deep() { null.x; } deep();", 1, /uncaught exception: TypeError.*\n at deep /],
  ["a stack overflow", "const f = (n) => f(n + 1) + 1; f(0);", 1, /stack overflow: the stack has \d+ slots/],
  [
    "a full stack of C",
    "let a = []; for (let i = 0; i < 50000; i++) a = [a]; JSON.stringify(a);",
    1,
    /the stack of C has \d+ bytes/,
  ],
  [
    "a full memory",
    "const a = []; for (;;) a.push(new Uint8Array(10000));",
    1,
    /memory full/,
    { options: ["--slots", "20000", "--chunks", "1000000", "--limit", "20000000"] },
  ],
];

/** Declares a case for each of them. */
export function itEnds(cases, runIn) {
  for (const [what, source, expected, message, options] of cases) {
    it(`${what} ends with status ${expected} and says so on stderr alone`, async () => {
      const { status, stdout, stderr } = await runIn(source, options);
      assert.equal(status, expected, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    });
  }
}

// The numbers of rounds have the same size in bytecode, and no number in the loops is a double.
const counting = `
  const count = instructions;
  const u32 = new Uint32Array(8);
  const cases = {
    nothing(n) { for (let i = 0; i < n; i++) {} },
    store(n) { for (let i = 0; i < n; i++) u32[3] = i; },
    object(n) { for (let i = 0; i < n; i++) ({}); },
  };
  const result = { slotBytes: heap.slotBytes };
  for (const name of Object.keys(cases)) {
    const run = cases[name];
    run(1000);
    const slots = heap.slots();
    const chunkBytes = heap.chunkBytes();
    const first = count(); run(1000); const second = count(); run(3000); const third = count(); run(9000); const fourth = count();
    const slotsAfter = heap.slots(); // each on its own: making the array below would count
    const chunkBytesAfter = heap.chunkBytes();
    const each = (third - second - (second - first)) / 2000;
    result[name] = [each, (fourth - third - (third - second)) / 6000 - each, slotsAfter - slots, chunkBytesAfter - chunkBytes];
  }
  print(JSON.stringify(result));`;

/** Declares the case that an instruction counts as one: a hundred no-ops in a native add a hundred. */
export function itCountsEach(answer) {
  it("a hundred instructions count as a hundred", async () => {
    const source = `const [none, hundred] = [native("xs_test_none"), native("xs_test_hundred")];
    const count = instructions; const result = [];
    for (let i = 0; i < 4; i++) {
      const first = count(); none(); const second = count(); hundred(); const third = count();
      result.push(third - second - (second - first));
    }
    print(JSON.stringify(result));`;
    assert.deepEqual((await answer(source)).slice(1), [100, 100, 100]);
  });
}

/**
 * Declares the case that a count is exact, and that storing into a typed array takes at least this many instructions, and fewer than that.
 */
export function itCounts(answer, [least, most]) {
  it("counts and allocations of a loop are whole, the same for any number of rounds and in each run", async () => {
    const [one, two] = await Promise.all([1, 2].map(() => answer(counting)));
    assert.deepEqual(one, two);
    assert.equal(one.slotBytes, 16);
    for (const [name, rest] of Object.entries({ nothing: [0, 0, 0], store: [0, 0, 0], object: [0, 13000, 0] })) {
      const [each, ...others] = one[name];
      assert.ok(Number.isInteger(each) && each > 50, `${name}: ${each}`);
      assert.deepEqual(others, rest, name);
    }
    const store = one.store[0] - one.nothing[0];
    assert.ok(store > least && store < most, JSON.stringify(one));
  });
}
