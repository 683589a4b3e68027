import assert from "node:assert/strict";
import fc from "fast-check";
import {
  invalidUtf8Offset,
  type Line,
  LineSplitter,
  MAX_LINE_BYTES,
  quote,
  readLines,
  visible,
  visibleLines,
} from "../../host/text/lines.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { runs } from "../support/properties.ts";

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function linesOf(text: string | Uint8Array, chunkBytes = 7, limitBytes?: number): Promise<Line[]> {
  const bytes = typeof text === "string" ? Buffer.from(text) : text;
  const lines: Line[] = [];
  const options = limitBytes === undefined ? {} : { limitBytes };
  for await (const line of readLines(chunksOf(bytes, chunkBytes), options)) lines.push(line);
  return lines;
}

/** [number, offsetBytes, text or fault] */
function brief(lines: Line[]): [number, number, string][] {
  return lines.map((line) => [line.number, line.offsetBytes, "text" in line ? line.text : line.fault]);
}

describe("lines", () => {
  it("says the number and the byte offset of each line", async () => {
    assert.deepEqual(brief(await linesOf("a\n\nbü\nc\n")), [
      [1, 0, "a"],
      [2, 2, ""],
      [3, 3, "bü"],
      [4, 7, "c"],
    ]);
  });

  it("gives the last line when no newline ends it, and no line after the last newline", async () => {
    assert.deepEqual(brief(await linesOf("a\nb")), [
      [1, 0, "a"],
      [2, 2, "b"],
    ]);
    assert.deepEqual(brief(await linesOf("a\n")), [[1, 0, "a"]]);
    assert.deepEqual(await linesOf(""), []);
  });

  it("takes CRLF for one line end and leaves a lone CR alone", async () => {
    const expected = [
      [1, 0, "a"],
      [2, 3, ""],
      [3, 5, "b\rc"],
      [4, 10, "d"],
    ];
    for (const chunkBytes of [1, 2, 3, 100]) {
      assert.deepEqual(brief(await linesOf("a\r\n\r\nb\rc\r\nd\r", chunkBytes)), expected);
    }
  });

  it("drops a byte order mark at the very beginning only", async () => {
    for (const chunkBytes of [1, 2, 100]) {
      assert.deepEqual(brief(await linesOf("\ufeffa\n\ufeffb\n", chunkBytes)), [
        [1, 3, "a"],
        [2, 5, "\ufeffb"],
      ]);
    }
    assert.deepEqual(brief(await linesOf("\ufeff")), [[1, 3, ""]]);
  });

  it("gives the same lines however the bytes are cut into chunks", async () => {
    const long = "x".repeat(200_000);
    const bytes = Buffer.from(`{"a":1}\r\n\nü€😀\n${long}\nlast ü`);
    const whole = brief(await linesOf(bytes, bytes.length));
    assert.equal(whole.length, 5);
    assert.deepEqual(whole[3], [4, 20, long]);
    for (const chunkBytes of [1, 2, 3, 5, 4096, 65_536, 65_537]) {
      assert.deepEqual(brief(await linesOf(bytes, chunkBytes)), whole, `chunks of ${chunkBytes} bytes`);
    }
  });

  it("reports a line over the limit, keeps only the limit of it, and continues", async () => {
    for (const chunkBytes of [1, 4, 1000]) {
      const lines = await linesOf("12345\n123456\n1234567890\nab\n", chunkBytes, 5);
      assert.deepEqual(brief(lines), [
        [1, 0, "12345"],
        [2, 6, "too-long"],
        [3, 13, "too-long"],
        [4, 24, "ab"],
      ]);
      const second = lines[1];
      assert.ok("fault" in second);
      assert.equal(second.lengthBytes, 6);
      assert.equal(Buffer.from(second.bytes).toString(), "12345");
    }
    assert.deepEqual(brief(await linesOf("123456", 2, 5)), [[1, 0, "too-long"]]);
  });

  it("reads a line of exactly 1 MiB and not one byte more", async () => {
    const bytes = Buffer.from(`${"a".repeat(MAX_LINE_BYTES)}\n${"b".repeat(MAX_LINE_BYTES + 1)}\nc`);
    const lines = await linesOf(bytes, 10_000);
    assert.deepEqual(
      lines.map((line) => ("fault" in line ? [line.fault, line.lengthBytes] : line.text.length)),
      [MAX_LINE_BYTES, ["too-long", MAX_LINE_BYTES + 1], 1],
    );
  });

  it("holds little memory while a line of 300 MB passes", () => {
    let faults = 0;
    const splitter = new LineSplitter({
      line: () => assert.fail("there is no line of text"),
      fault: (line) => {
        faults += 1;
        assert.equal(line.lengthBytes, 300_000_000);
        assert.equal(line.bytes.length, MAX_LINE_BYTES);
      },
    });
    const chunk = Buffer.alloc(1_000_000, "x");
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 300; i++) splitter.push(chunk);
    const grown = process.memoryUsage().arrayBuffers - before;
    splitter.push(Buffer.from("\n"));
    splitter.end();
    assert.equal(faults, 1);
    assert.ok(grown < 8_000_000, `${grown} bytes more`);
  });

  it("reports bytes that are not UTF-8, with the lines around them intact", async () => {
    const bytes = Buffer.concat([
      Buffer.from("gütig\n"),
      Buffer.from([0x61, 0xff, 0x62, 0x0a]),
      Buffer.from([0xed, 0xa0, 0x80, 0x0a]), // a surrogate
      Buffer.from([0xc0, 0x80, 0x0a]), // an overlong NUL
      Buffer.from("ok\n"),
      Buffer.from("€").subarray(0, 2), // cut mid-character
    ]);
    for (const chunkBytes of [1, 3, 1000]) {
      assert.deepEqual(brief(await linesOf(bytes, chunkBytes)), [
        [1, 0, "gütig"],
        [2, 7, "not-utf-8"],
        [3, 11, "not-utf-8"],
        [4, 15, "not-utf-8"],
        [5, 18, "ok"],
        [6, 21, "not-utf-8"],
      ]);
    }
  });

  it("keeps U+FFFD that is in the text", async () => {
    assert.deepEqual(brief(await linesOf("a\ufffdb\n")), [[1, 0, "a\ufffdb"]]);
  });

  it("agrees with a plain splitter on random bytes", async () => {
    const seed = seedFor(9);
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const parts = ["\n", "\r\n", "\r", "a", "ü", "😀", "\0", "{", "abcdefgh"].map((text) => Buffer.from(text));
    parts.push(Buffer.from([0xff]), Buffer.from([0xc3]));
    for (const round of campaign("inputs cut into lines", 3000, 300)) {
      const bytes = Buffer.concat(Array.from({ length: random(60) }, () => parts[random(parts.length)]));
      const limitBytes = 1 + random(20);
      const expected = plainLines(bytes, limitBytes);
      const actual = brief(await linesOf(bytes, 1 + random(20), limitBytes));
      assert.deepEqual(actual, expected, `seed ${seed}, round ${round}, ${bytes.toString("hex")}, limit ${limitBytes}`);
    }
  });

  it("find the byte at which a decoder stops, in any bytes", () => {
    const isGood = (bytes: Uint8Array) => {
      try {
        new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
        return true;
      } catch {
        return false;
      }
    };
    const edges = [
      0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf4, 0xf5,
      0xff,
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...edges), { maxLength: 12 }), (values) => {
        const bytes = Uint8Array.from(values);
        const at = invalidUtf8Offset(bytes);
        assert.ok(isGood(bytes.subarray(0, at)), `${values}: ${at}`);
        assert.ok(at === bytes.length || !isGood(bytes.subarray(0, at + 1)), `${values}: ${at}`);
      }),
      runs(8000, 500),
    );
  });

  it("finds the first byte that is not UTF-8", () => {
    assert.equal(invalidUtf8Offset(Buffer.from([0x61, 0xc3, 0xbc, 0xff, 0x61])), 3);
    assert.equal(invalidUtf8Offset(Buffer.from([0xff])), 0);
    assert.equal(invalidUtf8Offset(Buffer.from([0x61, 0xe2, 0x82])), 3);
  });

  it("escapes lines of JSON such that a terminal obeys nothing and the values are equal", () => {
    const properties: fc.Arbitrary<unknown> = fc.jsonValue({ stringUnit: "binary" });
    const nasty = fc.string({
      unit: fc.constantFrom("\x7f", "\x9b", "\u202e", "\u2066", "\u{e0001}", "\\", '"', "\n", "a", "😀"),
    });
    fc.assert(
      fc.property(
        fc.oneof(properties, nasty, fc.dictionary(nasty, nasty)),
        fc.constantFrom("", " ", "\t"),
        (value, indent) => {
          const json = JSON.stringify(value, undefined, indent);
          const shown = visibleLines(`${json}\r\n`);
          assert.doesNotMatch(shown.replace(/[\n\t]/g, ""), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
          assert.deepEqual(JSON.parse(shown), JSON.parse(json));
        },
      ),
      runs(10_000, 500),
    );
    assert.equal(visibleLines('{"a":\r\t"\u0080"}\n'), '{"a": \t"\\u0080"}\n');
  });

  it("shows what would move a cursor or turn the text round as escapes", () => {
    assert.equal(visible("a\x1b[31mb\x7f\x9b\u202e\u2028\n😀ü"), "a\\u001b[31mb\\u007f\\u009b\\u202e\\u2028\\u000a😀ü");
    assert.equal(visible("\ud800"), "\\ud800");
    assert.equal(quote('a"b\n\x9b'), '"a\\"b\\n\\u009b"');
    assert.equal(quote("x".repeat(1000), 10), '"xxxxxxxxxx"… (1000 characters)');
  });
});

/** The same as LineSplitter, for a whole buffer, in simple code. */
function plainLines(bytes: Buffer, limitBytes: number): [number, number, string][] {
  const lines: [number, number, string][] = [];
  let start = 0;
  while (start < bytes.length) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const line = bytes.subarray(start, end);
    let said = line.toString().replace(/\r$/, "");
    if (line.length > limitBytes) said = "too-long";
    else if (!Buffer.from(line.toString()).equals(line)) said = "not-utf-8";
    lines.push([lines.length + 1, start, said]);
    start = end + 1;
  }
  return lines;
}
