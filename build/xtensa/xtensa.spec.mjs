// Tests the Xtensa machine itself: `npm test -- xtensa`. The RV32's tests cover what bare machines share; here is what only this one has.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { ends, itCounts, itCountsEach, itEnds, nativeSource, programs } from "../bare/spec-cases.mjs";
import { rv32Machine } from "../rv32/setup.mjs";
import { itAllocates } from "../xs/spec-cases.mjs";
import { xtensaMachine } from "./setup.mjs";

const { folder, file, runIn, answer, remove } = programs("xtensa");
const machine = await xtensaMachine();
const odd = "void xs_test_odd(xsMachine* the) { *(volatile int*)((char*)the + 1) = 1; }\n";
const withNatives = await xtensaMachine({ natives: [file("natives.c", nativeSource(folder) + odd)] });

/** Runs inside XS: checksums of the bits of results for doubles and integers of every size, and for NaN. */
function arithmetic() {
  let seed = 1;
  const words = new Uint32Array(2);
  const double = new Float64Array(words.buffer);
  const float = new Float32Array(1);
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return seed >>> 0;
  };
  const odd = [0, -0, 1 / 0, -1 / 0, 0 / 0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 1, -1];
  const numbers = () => {
    const kind = next() >>> 29;
    if (kind === 0) return odd[(next() >>> 16) % odd.length];
    if (kind === 1) return next() | 0;
    words[0] = kind < 4 ? 0 : next();
    // Neighbouring exponents, so that sums are more than the larger operand; and any others.
    words[1] = kind % 2 ? (next() & 0x800fffff) | ((1000 + (next() >>> 26)) << 20) : next();
    return double[0];
  };
  let sum = 0;
  const take = (value) => {
    double[0] = Number.isNaN(value) ? 0.1 : value;
    sum = (Math.imul(sum, 31) + words[0]) | 0;
    sum = (Math.imul(sum, 31) + words[1]) | 0;
  };
  const sums = [];
  for (let i = 0; i < 4000; i++) {
    const [left, right] = [numbers(), numbers()];
    for (const value of [left + right, left - right, left * right, left / right, left | 0, left >>> 0]) take(value);
    float[0] = left;
    take(float[0]);
    take(left < right ? 1 : left === right ? 2 : 3);
    const [whole, other] = [left | 0, (right | 0) >> (next() >>> 27)];
    for (const value of [whole / other, whole % other, Math.imul(whole, other), whole * other]) take(value);
    if (i % 100 === 99) sums.push(sum);
  }
  return sums;
}

after(() => {
  rmSync(dirname(withNatives.elf), { recursive: true, force: true });
  remove();
});

describe("the Xtensa machine", () => {
  itCounts((source) => answer(machine, source), [400, 900]);
  itCountsEach((source) => answer(withNatives, source));

  it("a millisecond of its clock is 2^20 instructions, those of the interrupt not among them", async () => {
    const source = `import Time from "time"; const count = instructions;
    const tick = () => { const ms = Time.ticks; while (Time.ticks === ms); return count(); };
    const from = tick(); for (let i = 0; i < 100000; i++); const to = tick();
    print(JSON.stringify([(to - from) / 2 ** 20, Date.now() > 0]));`;
    const [ms, isPast] = await answer(machine, source);
    assert.ok(isPast && ms > 20 && Math.abs(ms - Math.round(ms)) < 0.01, `${ms} ms`);
  });

  it("doubles and whole numbers come out as on the RV32, whose libgcc has them, to the bit", async () => {
    const source = `print(JSON.stringify((${arithmetic})()));`;
    const [found, expected] = await Promise.all([machine, await rv32Machine()].map((where) => answer(where, source)));
    assert.deepEqual(found, expected);
    assert.equal(found.length, 40);
  });

  it("files, timers and natives work", async () => {
    const path = JSON.stringify(file("bytes.bin", "before"));
    const source = `class Sum { add(a, b) @ "xs_test_sum"; } let error;
    writeFile(${path}, new Uint8Array([97, 0, 255])); try { readFile(${path} + "x"); } catch (e) { error = e.message; }
    setTimeout(() => print(JSON.stringify([args, Array.from(new Uint8Array(readFile(${path}))), /No such file/.test(error),
      new Sum().add(40, 2)])), 20);`;
    const args = ["-a", "é", "two words", ""];
    assert.deepEqual(await answer(withNatives, source, { args }), [args, [97, 0, 255], true, 42]);
  });

  itEnds(ends, (source, options) => runIn(machine, source, options));
  itEnds(
    [
      ["a native that writes where nothing is", 'native("xs_test_lost")();', 1, /trap \d+ at 0x50\w+, address 0x8: /],
      [
        "a native that writes to an odd address",
        'native("xs_test_odd")();',
        1,
        /trap 9 at 0x50\w+, address 0x6\w+[13579bdf]: /,
      ],
    ],
    (source, options) => runIn(withNatives, source, options),
  );

  it("without the tools, the error has the line to type", () => {
    const setup = fileURLToPath(new URL("setup.mjs", import.meta.url));
    const env = { ...process.env, PATH: folder };
    const { status, stderr } = spawnSync(process.execPath, [setup], { env, encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /apt-get install -y make gcc-xtensa-lx106 picolibc-xtensa-lx106-elf qemu-system-misc/);
  });

  itAllocates(16, (source) => answer(machine, source));
});
