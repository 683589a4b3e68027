// Tests the XS host itself: `npm test -- xs-host`. Everything else relies most on this: the heap counters are right.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { xsHost } from "./setup.mjs";
import { encoded, encoder, itAllocates, ROUNDS } from "./spec-cases.mjs";

const setup = fileURLToPath(new URL("setup.mjs", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "xs-host-"));

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

/** Runs source as a module in a host; options come before its name, args after. */
const runIn = (host, source, { options = [], args = [] } = {}) =>
  start(host, [...options, file(`spec-${++specs}.js`, source), ...args]);

/** Runs source, which must end well. Returns the JSON of its last line. */
async function answer(host, source, settings) {
  const { code, out, err } = await runIn(host, source, settings);
  assert.equal(code, 0, err);
  return JSON.parse(out.trimEnd().split("\n").at(-1));
}

/** Programs that fail: the script, the exit code, the content of stderr. */
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

function checkHost(host) {
  const slotBytes = 32;
  it(`a slot has ${slotBytes} bytes`, async () => {
    assert.equal(await answer(host, "print(heap.slotBytes);"), slotBytes);
  });

  it(`strings are as on a device, and print as UTF-8`, async () => {
    assert.deepEqual(await answer(host, 'print(JSON.stringify(["😀".length, "\\0".length, "é€".length]));'), [1, 1, 2]);
    const { out } = await runIn(host, 'print("a\\0é€😀", String.fromCharCode(0xd800), 1, null);');
    assert.equal(out, "a\0é€😀 \uFFFD 1 null\n");
  });

  it(`text/encoder encodes as Moddable's does`, async () => {
    assert.deepEqual(await answer(host, encoder), encoded);
  });

  it(`Time.ticks is an int32 that does not go back`, async () => {
    const source = `import Time from "time";
      const first = Time.ticks; let last = first, good = true;
      while (((last - first) | 0) < 20) { const now = Time.ticks; good &&= ((now - last) | 0) >= 0 && now === (now | 0); last = now; }
      print(good);`;
    assert.equal(await answer(host, source), true);
  });

  it(`a collection is counted, once`, async () => {
    const source = `const before = heap.collections(); gc(); gc();
      const two = heap.collections() - before;
      for (let i = 0; i < 100000; i++) ({});
      print(JSON.stringify([two, heap.collections() - before > 2]));`;
    assert.deepEqual(await answer(host, source, { options: ["--slots", "20000"] }), [2, true]);
  });

  it(`modules come from files, from --module, and once each`, async () => {
    file("lib/part.js", "export let count = 0; export const add = () => ++count;");
    const lib = file("lib/lib.js", 'export { add } from "./part.js";');
    const source = `import { add } from "lib"; import * as part from "./lib/../lib/part.js"; import Time from "time";
      add(); print(JSON.stringify([part.count, Time, args]));`;
    const mock = file("mock.js", 'export default "mock";');
    const options = ["--module", `lib=${lib}`, "--module", `time=${mock}`];
    assert.deepEqual(await answer(host, source, { options, args: ["-a", "é"] }), [1, "mock", ["-a", "é"]]);
  });

  it(`promise jobs and timers run to the end, in order`, async () => {
    const source = `const seen = [];
      setTimeout(() => { seen.push("b"); print(JSON.stringify(seen)); }, 20);
      clearTimeout(setTimeout(() => seen.push("no"), 5));
      setTimeout(() => Promise.resolve().then(() => seen.push("a2")) && seen.push("a"), 10);
      Promise.resolve().then(() => seen.push("job")); seen.push("now"); await null;`;
    assert.deepEqual(await answer(host, source), ["now", "job", "a", "a2", "b"]);
  });

  it(`files are read and written byte by byte`, async () => {
    const path = JSON.stringify(join(folder, "bytes.bin"));
    const source = `writeFile(${path}, new Uint8Array([0, 1, 255, 2]).subarray(1));
      const read = readFile(${path}); let error; try { readFile(${path} + "x"); } catch (e) { error = e.message; }
      print(JSON.stringify([read instanceof ArrayBuffer, Array.from(new Uint8Array(read)), /No such file/.test(error)]));`;
    assert.deepEqual(await answer(host, source), [true, [1, 255, 2], true]);
  });

  for (const [what, source, message, ...options] of ends) {
    it(`${what} ends with code 1 and says so`, async () => {
      const { code, err } = await runIn(host, source, { options });
      assert.equal(code, 1, err);
      assert.match(err, message);
    });
  }

  it(`wrong arguments end with code 2 and the usage`, async () => {
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

// Its own copy, so that the cache has not seen this build; the comment keeps it so.
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

const host = await xsHost();
const sanitized = await xsHost({ sanitize: true });

after(async () => {
  // Nobody will ask for these builds again.
  for (const sanitize of [false, true])
    rmSync(dirname(await xsHost({ sanitize, natives })), { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

describe("the XS host", () => {
  checkHost(host);
  itAllocates(32, (source) => answer(host, source));

  it("two processes that build the same host at once both get one that works", async () => {
    const source = `import { xsHost } from ${JSON.stringify(setup)};
      console.log(await xsHost({ natives: ${JSON.stringify(natives)} }));`;
    const builds = await Promise.all([1, 2].map(() => start(process.execPath, ["--input-type=module", "-e", source])));
    for (const { code, out, err } of builds) {
      assert.equal(code, 0, err);
      assert.equal(await answer(out.trim(), 'print(native("xs_test_sum")(40, 2));'), 42);
    }
    assert.equal(builds[0].out, builds[1].out);
  });

  it("a native can be the method of a class, without a word of glue", async () => {
    const source = `class Sum { add(a, b) @ "xs_test_sum"; }
      const sum = new Sum(); const before = heap.slots();
      for (let i = 0; i < ${ROUNDS}; i++) sum.add(i, 1);
      const after = heap.slots();
      print(JSON.stringify([sum.add(1, 2), after - before]));`;
    assert.deepEqual(await answer(await xsHost({ natives }), source), [3, 0]);
  });

  it("a package that is not the pinned one is refused", async () => {
    const env = {
      ...process.env,
      XS_TELEMETRY_CACHE: join(folder, "cache"),
      XS_TELEMETRY_XS_TARBALL: file("xsnap.tgz", "something else"),
    };
    const { code, out, err } = await start(process.execPath, [setup, "host"], { env });
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(err, /is not the @agoric\/xsnap@0\.15\.0 this host was written for, and is not used/);
  });

  it("without gcc, the error has the line to type", async () => {
    const { code, err } = await start(process.execPath, [setup, "host"], { env: { ...process.env, PATH: folder } });
    assert.equal(code, 1);
    assert.match(err, /apt-get install -y gcc libc6-dev make/);
  });
});

describe("the XS host, sanitized", () => {
  checkHost(sanitized);

  it("text/encoder survives a collection before each allocation", async () => {
    assert.deepEqual(await answer(sanitized, encoder, { options: ["--stress", "--slots", "20000"] }), encoded);
  });

  it("a string of any bytes is printed as UTF-8, and read no further than its end", async () => {
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

  it("encodeInto ends the machine where the SDK's does, or would read past the string", async () => {
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
  });

  it("a stack trace has file and line", async () => {
    const { err } = await runIn(sanitized, "\n\nfunction deep() {\n  null.x;\n}\ndeep();");
    assert.match(err, /at deep \(.*spec-\d+\.js:4\)/);
  });

  it("a native that keeps a pointer over a collection is caught", async () => {
    const host = await xsHost({ sanitize: true, natives });
    const { code, err } = await runIn(host, 'native("xs_test_stale")("a" + args.length);');
    assert.notEqual(code, 0);
    assert.match(err, /AddressSanitizer: heap-use-after-free/);
  });

  it("undefined behaviour in a native is caught", async () => {
    const host = await xsHost({ sanitize: true, natives });
    const { code, err } = await runIn(host, 'native("xs_test_overflow")(0x7fffffff);');
    assert.notEqual(code, 0);
    assert.match(err, /signed integer overflow/);
  });
});
