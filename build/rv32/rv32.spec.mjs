// Tests the RV32 machine itself: `npm test -- rv32`. The benchmarks rely most on this: a count of instructions is exact.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ends, itCounts, itCountsEach, itEnds, nativeSource, programs } from "../bare/spec-cases.mjs";
import { bytecode } from "../xs/setup.mjs";
import { encoded, encoder, itAllocates } from "../xs/spec-cases.mjs";
import { rv32Machine } from "./setup.mjs";

const { folder, file, runIn, answer, remove } = programs("rv32");
const machine = await rv32Machine();
const natives = [file("natives.c", nativeSource(folder))];
const withNatives = await rv32Machine({ natives });

after(() => {
  // Nobody will ask for this build again.
  rmSync(dirname(withNatives.elf), { recursive: true, force: true });
  remove();
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

  itEnds(
    [
      ...ends,
      ["a syntax error", "const a = 1;\nconst b = ;", 1, /SyntaxError: .*spec-\d+\.js:2: /],
      ["an unhandled rejection", 'Promise.reject(new Error("lost"));', 1, /unhandled rejection: Error: lost/],
      ["a native nobody linked", 'native("xs_missing");', 1, /no C function xs_missing/],
      ["a module nobody gave", 'import "missing";', 1, /use --module missing=PATH/],
      ["a machine that takes too long", "for (;;);", null, /not at its end after 1000 ms/, { timeoutMs: 1000 }],
      ["a file that is not there", "", 2, /there is no file .*usage/s, { main: join(folder, "missing.js") }],
    ],
    (source, options) => runIn(machine, source, options),
  );

  itCounts((source) => answer(machine, source), [500, 1000]);
  itCountsEach((source) => answer(withNatives, source));

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
      { ...size, text: size.text > 50 && size.text < 1000 },
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
