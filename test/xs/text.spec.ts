import { Telemetry } from "xs-telemetry";
import { deepEqual, equal, ok, random, toHex } from "../support/assert.ts";
import { type PlainRecord, readPacket } from "../support/bytes.ts";

const FFFD = "efbfbd";

/** The text that a payload leaves in a msg.recv record, in hex. */
function recorder() {
  const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 1, clock: { now: () => 0 } });
  const reader = telemetry.reader();
  const connection = telemetry.connect(1);
  const buffer = new Uint8Array(512);
  reader.next(buffer);
  const last = (): PlainRecord => readPacket(buffer.slice(0, reader.next(buffer))).records[0]!;
  return {
    telemetry,
    record(payload: unknown): string {
      connection.received(0, payload as string);
      const { type, text } = last();
      return type === 6 || type === 10 ? toHex(text!) : `record type ${type}`;
    },
    ip(address: string): string {
      telemetry.connect(1, address);
      return toHex(last().text!);
    },
  };
}

/** A string of these UTF-16 units. */
const units = (...codes: number[]) => String.fromCharCode(...codes);
const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0).toString(16)).join("");

describe("text", () => {
  it("of a string is its UTF-8", () => {
    const { record } = recorder();
    equal(record(""), "", "empty");
    equal(record("abc"), ascii("abc"), "ASCII");
    equal(record("é€😀"), "c3a9e282acf09f9880", "two, three and four bytes");
    equal(record(units(0xd83d, 0xde00)), "f09f9880", "a pair put together from its halves");
  });

  it("has U+FFFD for U+0000 and for lone surrogates", () => {
    const { record } = recorder();
    equal(record("a\0b"), `61${FFFD}62`, "NUL inside");
    equal(record("\0"), FFFD, "NUL alone");
    equal(record("ab\0"), `6162${FFFD}`, "NUL at the end");
    equal(record(units(0xd83d)), FFFD, "high surrogate alone");
    equal(record(units(0xde00, 0xd83d)), FFFD + FFFD, "halves the wrong way round");
    equal(record(`x${units(0xdfff)}y`), `78${FFFD}79`, "low surrogate inside");
    equal(record(`é\0${units(0xd800)}é`), `c3a9${FFFD}${FFFD}c3a9`, "all at once");
  });

  it("is cut at a code point, after the replacing", () => {
    const { record } = recorder();
    for (let length = 95; length <= 105; length++) {
      const a = "a".repeat(length);
      equal(record(a), "61".repeat(Math.min(length, 100)), `${length} letters`);
      const cut = (bytes: string) =>
        "61".repeat(Math.min(length, 100)) + (length + bytes.length / 2 <= 100 ? bytes : "");
      equal(record(`${a}é`), cut("c3a9"), `two bytes behind ${length}`);
      equal(record(`${a}€`), cut("e282ac"), `three bytes behind ${length}`);
      equal(record(`${a}😀`), cut("f09f9880"), `four bytes behind ${length}`);
      equal(record(`${a}${units(0xd83d, 0xde00)}z`.slice(0, -1)), cut("f09f9880"), `a pair behind ${length}`);
      equal(record(`${a}\0`), cut(FFFD), `NUL behind ${length}`);
      equal(record(`${a}${units(0xd800)}`), cut(FFFD), `a lone surrogate behind ${length}`);
    }
    equal(record("\0".repeat(100)), FFFD.repeat(33), "100 NULs");
    equal(record("a".repeat(1_000_000)), "61".repeat(100), "a megabyte");
    equal(record("\0".repeat(1_000_000)), FFFD.repeat(33), "a megabyte of NULs");
    equal(record(`${"x".repeat(99)}éz`), "78".repeat(99), "what follows a character that does not fit is left out too");
  });

  it("of bytes has U+FFFD for each maximal invalid sequence", () => {
    const { record } = recorder();
    const cases: [string, string][] = [
      ["", ""],
      ["616263", "616263"],
      ["c3a9e282acf09f9880", "c3a9e282acf09f9880"],
      ["efbbbf61", "efbbbf61"],
      ["00", FFFD],
      ["610062", `61${FFFD}62`],
      ["80", FFFD],
      ["ff61", `${FFFD}61`],
      ["c3", FFFD],
      ["c361", `${FFFD}61`],
      ["c0af", FFFD + FFFD],
      ["e282", FFFD],
      ["e28261", `${FFFD}61`],
      ["e0809f", FFFD + FFFD + FFFD],
      ["eda080", FFFD + FFFD + FFFD],
      ["ed9fbf", "ed9fbf"],
      ["f09f98", FFFD],
      ["f09f9861", `${FFFD}61`],
      ["f0808080", FFFD.repeat(4)],
      ["f48fbfbf", "f48fbfbf"],
      ["f4908080", FFFD.repeat(4)],
      ["f5808080", FFFD.repeat(4)],
      ["e2c3a9", `${FFFD}c3a9`],
    ];
    for (const [source, expected] of cases) {
      const bytes = new Uint8Array(source.length / 2).map((_, index) =>
        Number.parseInt(source.slice(index * 2, index * 2 + 2), 16),
      );
      equal(record(bytes), expected, `text of bytes ${source}`);
      equal(record(bytes.buffer), expected, `text of a buffer ${source}`);
      const inside = new Uint8Array(bytes.length + 5).fill(0x7a);
      inside.set(bytes, 3);
      equal(record(inside.subarray(3, 3 + bytes.length)), expected, `text of a view of bytes ${source}`);
    }
    equal(record(new Uint8Array(1_000_000).fill(0xff)), FFFD.repeat(33), "a megabyte of 0xff");
    for (let length = 95; length <= 101; length++) {
      const source = new Uint8Array(length + 4).fill(0x61);
      source.set([0xf0, 0x9f, 0x98, 0x80], length);
      equal(
        record(source),
        "61".repeat(Math.min(length, 100)) + (length <= 96 ? "f09f9880" : ""),
        `four bytes behind ${length}`,
      );
    }
  });

  it("is the same from a string and from its UTF-8 bytes", () => {
    const { record } = recorder();
    const seed = 77_001;
    const dice = random(seed);
    const samples = ["a", "\0", "é", "€", "😀", "~", "\u07ff", "\u0800", "\uffff", "\u{10ffff}", "\x7f", "\x80"];
    const encoded = [
      "61",
      "00",
      "c3a9",
      "e282ac",
      "f09f9880",
      "7e",
      "dfbf",
      "e0a080",
      "efbfbf",
      "f48fbfbf",
      "7f",
      "c280",
    ];
    for (let round = 0; round < 300; round++) {
      let text = "";
      let hex = "";
      for (let left = dice.below(60); left > 0; left--) {
        const index = dice.below(samples.length);
        text += samples[index];
        hex += encoded[index];
      }
      const bytes = new Uint8Array(hex.length / 2).map((_, index) =>
        Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16),
      );
      equal(record(text), record(bytes), `seed ${seed}, round ${round}: text`);
    }
  });

  it("leaves nothing of the text before it", () => {
    const { record, ip } = recorder();
    record("y".repeat(100));
    equal(record("a"), "61", "shorter text");
    record(new Uint8Array(200).fill(0x79));
    equal(ip("::1"), ascii("::1"), "ip");
  });

  it("of an address has at most 45 bytes", () => {
    const { ip } = recorder();
    equal(
      ip("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"),
      ascii("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"),
      "the longest address",
    );
    equal(ip("x".repeat(46)), "78".repeat(45), "46 bytes");
    equal(ip(`${"x".repeat(44)}é`), "78".repeat(44), "a character across the cut");
    equal(ip("\0"), FFFD, "NUL");
    equal(ip(""), "", "empty");
  });

  it("takes hostile payloads without throwing", () => {
    const { telemetry, record } = recorder();
    class Throwing extends Uint8Array {
      override get length(): number {
        throw new Error("length");
      }
    }
    equal(record(new Throwing([0x61, 0x62])), "6162", "a subclass whose length throws");
    const never = { next: () => ({ done: false, value: 1 }) };
    let invalid = telemetry.counters().invalidArguments;
    const pretenders: unknown[] = [
      Object.create(Uint8Array.prototype),
      Object.create(ArrayBuffer.prototype),
      // As bytes it would be read a number at a time: thirty million of them.
      Object.create(ArrayBuffer.prototype, { byteLength: { value: 3 }, length: { value: 3e7 } }),
      Object.create(ArrayBuffer.prototype, { byteLength: { value: 3e7 }, length: { value: 3e7 } }),
      Object.create(ArrayBuffer.prototype, { byteLength: { value: 0 }, [Symbol.iterator]: { value: () => never } }),
      Object.setPrototypeOf([0x61, 0x62], ArrayBuffer.prototype),
      Object.setPrototypeOf([0x61, 0x62], Uint8Array.prototype),
      { length: 3, 0: 1 },
      Object.setPrototypeOf(new Float64Array([0.5, 65, Number.NaN]), Uint8Array.prototype),
      Object.setPrototypeOf(new DataView(new ArrayBuffer(3)), Uint8Array.prototype),
      new Proxy(new Uint8Array(2), {
        get() {
          throw new Error("get");
        },
        getPrototypeOf() {
          throw new Error("getPrototypeOf");
        },
      }),
    ];
    for (const pretender of pretenders) {
      equal(record(pretender), "record type 5", "a pretender's record");
      equal(telemetry.counters().invalidArguments, ++invalid, "invalidArguments");
    }
  });

  it("of a message type is made valid too, and bounded", () => {
    const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 1, clock: { now: () => 0 } });
    const reader = telemetry.reader();
    ok(telemetry.messageType(`a\0${units(0xd800)}`) === 1, "listed");
    equal(telemetry.messageType("\0".repeat(22)), 0, "66 bytes once made valid");
    telemetry.connect(1);
    const buffer = new Uint8Array(256);
    const { stream, tokens } = readPacket(buffer.slice(0, reader.next(buffer)));
    equal(stream, 1, "stream");
    deepEqual(tokens, [{ token: 1, name: units(0x61, 0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd) }], "tokens");
  });
});
