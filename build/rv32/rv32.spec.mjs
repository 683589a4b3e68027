// Tests the RV32 machine itself: `npm test -- rv32`. What the benchmarks rely on most: that a count of instructions is exact.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bytecode } from "../xs/setup.mjs";
import { encoded, encoder, itAllocates } from "../xs/spec-cases.mjs";
import { rv32Machine } from "./setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "rv32-"));
const machine = await rv32Machine();
let specs = 0;

function file(name, content) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const runIn = (where, source, options) => where.run({ main: file(`spec-${++specs}.js`, source), ...options });

/** Runs source, which must end well. Returns what its last line says in JSON. */
async function answer(where, source, options) {
  const { status, stdout, stderr } = await runIn(where, source, options);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1));
}

const nativeSource = `/* ${folder} */
#include "xsmc.h"
#include "mc.xs.h"
#include "xsHost.h"
void xs_test_sum(xsMachine* the) { xsmcSetInteger(xsResult, xsmcToInteger(xsArg(0)) + xsmcToInteger(xsArg(1))); }
void xs_test_ms(xsMachine* the) { xsmcSetInteger(xsResult, (int)modMilliseconds()); }
void xs_test_lost(xsMachine* the) { *(volatile int*)8 = the != 0; }
`;
const natives = [file("natives.c", nativeSource)];
const withNatives = await rv32Machine({ natives });

after(() => {
  // Nobody will ask for this build again.
  rmSync(dirname(withNatives.elf), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

describe("the RV32 machine", () => {
  it("the engine calculates as it should", async () => {
    const source = `
    class Point { #x = 1; move(by) { return (this.#x += by); } }
    let caught; try { null.x; } catch (error) { caught = error instanceof TypeError; }
    const kept = []; for (let i = 0; i < 200000; i++) { const o = { i, text: "t" + i }; if (i % 1000 === 0) kept.push(o); }
    const collected = heap.collections(); gc();
    const view = new DataView(new ArrayBuffer(8)); view.setFloat64(0, -0.1); view.setUint32(1, 0xdeadbeef);
    const words = new Uint32Array(3); words[1] = -1; words.set([7], 2);
    let awaited = await Promise.all([1, Promise.resolve(2)]);
    function* two() { yield 1; yield 2; }
    print(JSON.stringify({
      emoji: "😀".length, upper: "straße".toUpperCase(), caught, private: new Point().move(2),
      kept: kept.every((o, at) => o.text === "t" + at * 1000), heap: [collected > 0, heap.collections() - collected],
      doubles: [0.1 + 0.2, 1e21, 1 / 3, 2 ** 53 + 1, Math.sqrt(3), -7 % 3, 5e-324], nan: [Number.isNaN(0 / 0), NaN === NaN],
      view: [view.getUint32(1) === 0xdeadbeef, view.getUint16(3, true)], words: [...words], big: String(12345678901234567890n ** 2n),
      awaited, generated: [...two()], regexp: "a1b22".replace(/\\d+/g, (n) => n * 2),
      backtracking: /^(a|b)*$/.test("ab".repeat(1000) + "c"), date: new Date(0).toISOString(),
    }));`;
    assert.deepEqual(await answer(machine, source, { options: ["--slots", "20000"] }), {
      emoji: 1,
      upper: "STRASSE",
      caught: true,
      private: 3,
      kept: true,
      heap: [true, 1],
      doubles: [0.30000000000000004, 1e21, 0.3333333333333333, 9007199254740992, 1.7320508075688772, -1, 5e-324],
      nan: [true, false],
      view: [true, 0xefbe],
      words: [0, 4294967295, 7],
      big: "152415787532388367501905199875019052100",
      awaited: [1, 2],
      generated: [1, 2],
      regexp: "a2b44",
      backtracking: false,
      date: "1970-01-01T00:00:00.000Z",
    });
  });

  it("modules, arguments, files, timers and streams work as in xs-host", async () => {
    const path = JSON.stringify(join(folder, "bytes.bin"));
    file("part.js", "export let count = 0; export const add = () => ++count;");
    const source = `import { add } from "part"; import * as part from "./../${folder.split("/").at(-1)}/./part.js";
    import Time from "time"; import TextEncoder from "text/encoder";
    const began = Time.ticks; let error; add();
    writeFile(${path}, new TextEncoder().encode("aé")); try { readFile(${path} + "x"); } catch (e) { error = e.message; }
    setTimeout(() => print(JSON.stringify([args, part.count, Array.from(new Uint8Array(readFile(${path}))),
      /No such file/.test(error), Time.ticks - began])), 20);`;
    const args = ["-a", "é", "two words", ""];
    const result = await answer(machine, source, { args, modules: { part: join(folder, "part.js") } });
    assert.deepEqual(result, [args, 1, [97, 195, 169], true, 20]);
  });

  const ends = [
    ["an uncaught exception", "function deep() { null.x; } deep();", 1, /uncaught exception: TypeError.*\n at deep /],
    ["a syntax error", "const a = 1;\nconst b = ;", 1, /SyntaxError: .*spec-\d+\.js:2: /],
    ["an unhandled rejection", 'Promise.reject(new Error("lost"));', 1, /unhandled rejection: Error: lost/],
    ["a stack overflow", "const f = (n) => f(n + 1) + 1; f(0);", 1, /stack overflow: the stack has \d+ slots/],
    [
      "a full stack of C",
      "let a = []; for (let i = 0; i < 50000; i++) a = [a]; JSON.stringify(a);",
      1,
      /the stack of C/,
    ],
    [
      "a full memory",
      "const a = []; for (;;) a.push(new Uint8Array(10000));",
      1,
      /memory full/,
      { options: ["--slots", "20000", "--chunks", "1000000", "--limit", "20000000"] },
    ],
    ["a native nobody linked", 'native("xs_missing");', 1, /no C function xs_missing/],
    ["a module nobody gave", 'import "missing";', 1, /use --module missing=PATH/],
    ["a machine that takes too long", "for (;;);", null, /not at its end after 1000 ms/, { timeoutMs: 1000 }],
    ["a file that is not there", "", 2, /there is no file .*usage/s, { main: join(folder, "missing.js") }],
  ];
  for (const [what, source, expected, message, options] of ends) {
    it(`${what} ends with status ${expected} and says so on stderr alone`, async () => {
      const { status, stdout, stderr } = await runIn(machine, source, options);
      assert.equal(status, expected, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, "");
    });
  }

  // The numbers of rounds have the same size in bytecode, and no number is a double in the loops.
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

  it("counts and allocations of a loop are whole, the same for any number of rounds and in each run", async () => {
    const [one, two] = await Promise.all([1, 2].map(() => answer(machine, counting)));
    assert.deepEqual(one, two);
    assert.equal(one.slotBytes, 16);
    for (const [name, rest] of Object.entries({ nothing: [0, 0, 0], store: [0, 0, 0], object: [0, 13000, 0] })) {
      const [each, ...others] = one[name];
      assert.ok(Number.isInteger(each) && each > 50, `${name}: ${each}`);
      assert.deepEqual(others, rest, name);
    }
    assert.ok(one.store[0] - one.nothing[0] > 500 && one.store[0] - one.nothing[0] < 1000, JSON.stringify(one));
  });

  it("natives are reached by name and as methods, and read the clock as on a device", async () => {
    const source = `import Time from "time"; class Sum { add(a, b) @ "xs_test_sum"; } const ms = native("xs_test_ms");
    print(JSON.stringify([new Sum().add(40, 2), native("xs_test_sum")(1, 2), ms() - Time.ticks]));`;
    assert.deepEqual(await answer(withNatives, source), [42, 3, 0]);
  });

  it("a native that writes where nothing is ends with status 1 and the place", async () => {
    const { status, stderr } = await runIn(withNatives, 'native("xs_test_lost")();');
    assert.equal(status, 1);
    assert.match(stderr, /trap 7 at 0x8\w+, address 0x8: /);
  });

  it("the sizes of natives and of bytecode are known", async () => {
    const [size, ...others] = await withNatives.sizes();
    assert.deepEqual(others, []);
    assert.deepEqual(
      { ...size, text: size.text > 50 && size.text < 500 },
      { file: natives[0], text: true, data: 0, bss: 0 },
    );
    const small = await bytecode(file("small.js", "export const a = 1;"));
    const big = await bytecode(file("big.js", 'export const a = (b) => b.method("0123456789");'));
    assert.ok(small.code > 10 && big.code > small.code + 10 && big.symbols === small.symbols + "b\0method\0".length);
    assert.deepEqual(await answer(machine, "export const a = 1;", { options: ["--bytecode"] }), small);
    await assert.rejects(bytecode(file("wrong.js", "const = 1;")), /SyntaxError: .*wrong\.js:1: /);
  });

  it("without the tools, the error has the line to type", async () => {
    const setup = fileURLToPath(new URL("setup.mjs", import.meta.url));
    const { status, stderr } = spawnSync(process.execPath, [setup], {
      env: { ...process.env, PATH: folder },
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /apt-get install -y make gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc/,
    );
  });

  for (const counted of [true, false]) {
    it(`text/encoder encodes as Moddable's does, ${counted ? "counted" : "not counted"}`, async () => {
      assert.deepEqual(await answer(machine, encoder, { counted }), encoded);
    });
  }

  it("the clock goes on with the machine's own time where instructions are not counted", async () => {
    const source =
      'import Time from "time"; const began = Time.ticks; setTimeout(() => print(Time.ticks - began), 20);';
    const passedMs = await answer(machine, source, { counted: false });
    assert.ok(passedMs >= 20, `${passedMs} ms`);
  });

  itAllocates(16, (source) => answer(machine, source, { counted: false }));
});
