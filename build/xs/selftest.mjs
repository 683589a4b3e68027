/**
 * Tests the XS host itself: `node build/xs/selftest.mjs`. Prints a line for each thing checked; exit code 1 if any
 * does not hold. What it relies on most: that the heap counters tell the truth.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { xsHost } from "./setup.mjs";

const setup = fileURLToPath(new URL("setup.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "xs-selftest-"));
const rounds = 10_000;

/** Runs a command to its end, at most two minutes. Returns { code, out, err }. */
function start(command, args, options = {}) {
  return new Promise((done) => {
    execFile(command, args, { timeout: 120_000, ...options }, (error, out, err) => {
      done({ code: error ? (error.code ?? error.signal) : 0, out, err });
    });
  });
}

/** Writes a file of the test. Returns its path. */
function file(name, content) {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

let specs = 0;

/** Runs source as a module in a host; options come before its name, args behind. */
const runIn = (host, source, { options = [], args = [] } = {}) =>
  start(host, [...options, file(`spec-${++specs}.js`, source), ...args]);

/** Runs source, which must end well. Returns what its last line says in JSON. */
async function answer(host, source, settings) {
  const { code, out, err } = await runIn(host, source, settings);
  assert.equal(code, 0, err);
  return JSON.parse(out.trimEnd().split("\n").at(-1));
}

let failures = 0;

async function check(sentence, test) {
  try {
    await test();
    console.log(`ok      ${sentence}`);
  } catch (error) {
    failures++;
    console.log(`NOT OK  ${sentence}\n${error.stack.replace(/^/gm, "        ")}`);
  }
}

/** A module that prints what `rounds` runs of each snippet take from the heaps. */
const allocations = (snippets) => `
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
    run(${rounds});
    const slotsAfter = heap.slots(); // each on its own: making an array to hold them would count
    const chunkBytesAfter = heap.chunkBytes();
    result[name] = [slotsAfter - slots, chunkBytesAfter - chunkBytes, heap.collections() - collections];
  }
  print(JSON.stringify(result));`;

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

/** Slots and chunk bytes a round, as XS lays them out; an array's items are a chunk, with a header. */
const allocating = (slotBytes) => ({
  "an object": [1, 0],
  "an array of one": [2, slotBytes * 1.5],
  "a property of a string": [2, 0],
  "a built-in method as an object": [3, 0],
  encodeInto: [3, 0],
});

const encoder = `
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

const encoded = {
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

/** What ends badly: the script, the exit code, what stderr says. */
const ends = [
  ["an uncaught exception", "function deep() { null.x; } deep();", /uncaught exception: TypeError.*\n at deep /],
  ["an exception in a timer", 'setTimeout(() => { throw "late"; }, 1);', /uncaught exception: late/],
  ["an unhandled rejection", 'Promise.reject(new Error("lost"));', /unhandled rejection: Error: lost/],
  ["a syntax error", "const a = 1;\nconst b = ;", /SyntaxError: .*spec-\d+\.js:2: /],
  ["a stack overflow", "const f = (n) => f(n + 1) + 1; f(0);", /stack overflow/],
  [
    "a full memory",
    "const a = []; for (;;) a.push(new Uint8Array(10000));",
    /memory full.*--limit/,
    "--limit",
    "67108864",
  ],
  ["a huge string", 'let s = "x"; for (;;) s += s;', /memory full/],
  ["a file that is not there", 'import "./missing.js";', /missing\.js: No such file/],
  ["a module nobody gave", 'import "missing";', /use --module missing=PATH/],
  ["a native nobody linked", 'native("xs_missing");', /no C function xs_missing/],
  ["an await without end", "await new Promise(() => {});", /await never came to an end/],
];

async function checkHost(name, host) {
  const slotBytes = name.startsWith("32") ? 16 : 32;
  await check(`${name}: a slot has ${slotBytes} bytes`, async () => {
    assert.equal(await answer(host, "print(heap.slotBytes);"), slotBytes);
  });

  await check(`${name}: strings are as on a device, and print as UTF-8`, async () => {
    assert.deepEqual(await answer(host, 'print(JSON.stringify(["😀".length, "\\0".length, "é€".length]));'), [1, 1, 2]);
    const { out } = await runIn(host, 'print("a\\0é€😀", String.fromCharCode(0xd800), 1, null);');
    assert.equal(out, "a\0é€😀 \uFFFD 1 null\n");
  });

  await check(`${name}: text/encoder encodes as Moddable's does`, async () => {
    assert.deepEqual(await answer(host, encoder), encoded);
  });

  await check(`${name}: Time.ticks is an int32 that does not go back`, async () => {
    const source = `import Time from "time";
      const first = Time.ticks; let last = first, good = true;
      while (((last - first) | 0) < 20) { const now = Time.ticks; good &&= ((now - last) | 0) >= 0 && now === (now | 0); last = now; }
      print(good);`;
    assert.equal(await answer(host, source), true);
  });

  await check(`${name}: a collection is counted, once`, async () => {
    const source = `const before = heap.collections(); gc(); gc();
      const two = heap.collections() - before;
      for (let i = 0; i < 100000; i++) ({});
      print(JSON.stringify([two, heap.collections() - before > 2]));`;
    assert.deepEqual(await answer(host, source, { options: ["--slots", "20000"] }), [2, true]);
  });

  await check(`${name}: modules come from files, from --module, and once each`, async () => {
    file("lib/part.js", "export let count = 0; export const add = () => ++count;");
    const lib = file("lib/lib.js", 'export { add } from "./part.js";');
    const source = `import { add } from "lib"; import * as part from "./lib/../lib/part.js"; import Time from "time";
      add(); print(JSON.stringify([part.count, Time, args]));`;
    const mock = file("mock.js", 'export default "mock";');
    const options = ["--module", `lib=${lib}`, "--module", `time=${mock}`];
    assert.deepEqual(await answer(host, source, { options, args: ["-a", "é"] }), [1, "mock", ["-a", "é"]]);
  });

  await check(`${name}: promise jobs and timers run to the end, in order`, async () => {
    const source = `const seen = [];
      setTimeout(() => { seen.push("b"); print(JSON.stringify(seen)); }, 20);
      clearTimeout(setTimeout(() => seen.push("no"), 5));
      setTimeout(() => Promise.resolve().then(() => seen.push("a2")) && seen.push("a"), 10);
      Promise.resolve().then(() => seen.push("job")); seen.push("now"); await null;`;
    assert.deepEqual(await answer(host, source), ["now", "job", "a", "a2", "b"]);
  });

  await check(`${name}: files are read and written byte by byte`, async () => {
    const path = JSON.stringify(join(folder, "bytes.bin"));
    const source = `writeFile(${path}, new Uint8Array([0, 1, 255, 2]).subarray(1));
      const read = readFile(${path}); let error; try { readFile(${path} + "x"); } catch (e) { error = e.message; }
      print(JSON.stringify([read instanceof ArrayBuffer, Array.from(new Uint8Array(read)), /No such file/.test(error)]));`;
    assert.deepEqual(await answer(host, source), [true, [1, 255, 2], true]);
  });

  for (const [what, source, message, ...options] of ends) {
    await check(`${name}: ${what} ends with code 1 and says so`, async () => {
      const { code, err } = await runIn(host, source, { options });
      assert.equal(code, 1, err);
      assert.match(err, message);
    });
  }

  await check(`${name}: wrong arguments end with code 2 and the usage`, async () => {
    for (const args of [
      [],
      ["missing.js"],
      [folder],
      ["--module", "a"],
      ["--module", "a=missing.js", "b.js"],
      ["--no", "1", "b.js"],
    ]) {
      const { code, err } = await start(host, args);
      assert.equal(code, 2, args.join(" "));
      assert.match(err, /usage: xs-host/);
    }
  });
}

async function checkAllocations(name, host) {
  const slotBytes = name.startsWith("32") ? 16 : 32;
  const measured = await answer(host, allocations(snippets));
  for (const [what, [slots, chunkBytes, collections]] of Object.entries(measured)) {
    const expected = what === "a template literal" ? null : (allocating(slotBytes)[what] ?? [0, 0]);
    const text = expected ? `exactly ${expected[0]} slots and ${expected[1]} chunk bytes` : "chunk bytes";
    await check(`${name}: ${what} allocates ${text} a round, over ${rounds} rounds`, () => {
      assert.equal(collections, 0, "a collection makes the other counts useless");
      if (expected) assert.deepEqual([slots, chunkBytes], [expected[0] * rounds, expected[1] * rounds]);
      else assert.ok(chunkBytes >= rounds * slotBytes, `${chunkBytes} chunk bytes`);
    });
  }
}

const hosts = {
  "64 bits": await xsHost({ bits: 64 }),
  "32 bits": await xsHost({ bits: 32 }),
  "64 bits, sanitized": await xsHost({ bits: 64, sanitize: true }),
};
for (const [name, host] of Object.entries(hosts)) await checkHost(name, host);
await checkAllocations("64 bits", hosts["64 bits"]);
await checkAllocations("32 bits", hosts["32 bits"]);

const sanitized = hosts["64 bits, sanitized"];

await check("sanitized: text/encoder stands a collection before each allocation", async () => {
  assert.deepEqual(await answer(sanitized, encoder, { options: ["--stress"] }), encoded);
});

await check("sanitized: a string of any bytes is printed as UTF-8, and read no further than its end", async () => {
  const strings = [
    [[0x61, 0xff, 0x80, 0x80, 0x80, 0x62], "a\ufffdb"],
    [[0xc3, 0xa9, 0xc1, 0x80, 0xc0, 0x80, 0xed, 0xa0, 0x80], "\u00e9\ufffd\0\ufffd"],
    [[0x62, 0xe2, 0x82], "b\ufffd\ufffd"],
    [[0xed, 0xa0, 0x80, 0xed, 0xb0], "\ufffd\ufffd\ufffd"],
    [[0xf0, 0x9f, 0x98], "\ufffd\ufffd\ufffd"],
  ];
  const source = strings.map(([bytes]) => `print(stringOf(new Uint8Array([${bytes}]).buffer));`).join("\n");
  const { out, err } = await runIn(sanitized, source);
  assert.equal(out, strings.map(([, text]) => `${text}\n`).join(""), err);
});

await check(
  "sanitized: encodeInto ends the machine where the SDK's does, or would read behind the string",
  async () => {
    for (const bytes of [
      [0x80],
      [0x61, 0xbf],
      [0xc3],
      [0xe2, 0x82],
      [0xf0, 0x9f, 0x98],
      [0xed, 0xa0, 0x80, 0xed, 0xb0],
    ]) {
      const source = `import TextEncoder from "text/encoder";
      new TextEncoder().encodeInto(stringOf(new Uint8Array([${bytes}]).buffer), new Uint8Array(16));`;
      const { code, err } = await runIn(sanitized, source);
      assert.equal(code, 1, err);
      assert.match(err, /^xs-host: XS gave up/, String(bytes));
    }
  },
);

await check("sanitized: a stack trace has file and line", async () => {
  const { err } = await runIn(sanitized, "\n\nfunction deep() {\n  null.x;\n}\ndeep();");
  assert.match(err, /at deep \(.*spec-\d+\.js:4\)/);
});

// Its own copy, so that this is a build the cache has not seen; the comment keeps it so.
const nativeSource = `/* ${folder} */
#include "xsmc.h"
void xs_test_sum(xsMachine* the) { xsmcSetInteger(xsResult, xsmcToInteger(xsArg(0)) + xsmcToInteger(xsArg(1))); }
void xs_test_stale(xsMachine* the)
{
	char* text = xsmcToString(xsArg(0));
	xsCollectGarbage();
	xsmcSetInteger(xsResult, text[0]);
}
void xs_test_overflow(xsMachine* the)
{
	xsIntegerValue value = xsmcToInteger(xsArg(0));
	xsmcSetInteger(xsResult, value + 1);
}
`;
const natives = [file("natives.c", nativeSource)];

await check("two processes that build the same host at once both get one that works", async () => {
  const source = `import { xsHost } from ${JSON.stringify(setup)};
    console.log(await xsHost({ bits: 32, natives: ${JSON.stringify(natives)} }));`;
  const builds = await Promise.all([1, 2].map(() => start(process.execPath, ["--input-type=module", "-e", source])));
  for (const { code, out, err } of builds) {
    assert.equal(code, 0, err);
    assert.equal(await answer(out.trim(), 'print(native("xs_test_sum")(40, 2));'), 42);
  }
  assert.equal(builds[0].out, builds[1].out);
});

await check("a native can be the method of a class, without a word of glue", async () => {
  const source = `class Sum { add(a, b) @ "xs_test_sum"; }
    const sum = new Sum(); const before = heap.slots();
    for (let i = 0; i < ${rounds}; i++) sum.add(i, 1);
    const after = heap.slots();
    print(JSON.stringify([sum.add(1, 2), after - before]));`;
  assert.deepEqual(await answer(await xsHost({ bits: 32, natives }), source), [3, 0]);
});

await check("sanitized: a native that keeps a pointer over a collection is caught", async () => {
  const host = await xsHost({ bits: 64, sanitize: true, natives });
  const { code, err } = await runIn(host, 'native("xs_test_stale")("a" + args.length);');
  assert.notEqual(code, 0);
  assert.match(err, /AddressSanitizer: heap-use-after-free/);
});

await check("sanitized: undefined behaviour in a native is caught", async () => {
  const host = await xsHost({ bits: 64, sanitize: true, natives });
  const { code, err } = await runIn(host, 'native("xs_test_overflow")(0x7fffffff);');
  assert.notEqual(code, 0);
  assert.match(err, /signed integer overflow/);
});

await check("a package that is not the pinned one is refused", async () => {
  const env = {
    ...process.env,
    XS_TELEMETRY_CACHE: join(folder, "cache"),
    XS_TELEMETRY_XS_TARBALL: file("xsnap.tgz", "something else"),
  };
  const { code, out, err } = await start(process.execPath, [setup, "64"], { env });
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.match(err, /is not the @agoric\/xsnap@0\.15\.0 this host was written for, and is not used/);
});

await check("without gcc, the error has the line to type", async () => {
  const { code, err } = await start(process.execPath, [setup, "64"], { env: { ...process.env, PATH: folder } });
  assert.equal(code, 1);
  assert.match(err, /apt-get install -y gcc libc6-dev make/);
});

await check("without gcc -m32, the error has the line to type", async () => {
  const PATH = join(folder, "tools");
  for (const name of ["gcc", "make"]) {
    const path = file(`tools/${name}`, '#!/bin/sh\n[ "$1" = --version ] && echo "a tool without 32 bits"\n');
    chmodSync(path, 0o755);
  }
  const { code, err } = await start(process.execPath, [setup, "32"], { env: { ...process.env, PATH } });
  assert.equal(code, 1);
  assert.match(err, /apt-get install -y gcc-multilib/);
});

// Nobody will ask for these builds again.
for (const sanitize of [false, true]) {
  const bits = sanitize ? 64 : 32;
  rmSync(dirname(await xsHost({ bits, sanitize, natives })), { recursive: true, force: true });
}
rmSync(folder, { recursive: true, force: true });
console.log(failures === 0 ? "all of it holds" : `${failures} do not hold`);
process.exitCode = failures === 0 ? 0 : 1;
