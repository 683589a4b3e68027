// What becomes of any bytes, given as bytes and as a string of XS, which may hold what is not UTF-8: String.fromArrayBuffer looks at lead
// bytes and counts only, and C puts there what it likes. Each stands at the end of an allocation of its own, so that AddressSanitizer
// sees what is read behind it.
import { Telemetry } from "xs-telemetry";
import { privacy } from "xs-telemetry/privacy";
import { equal, fromHex, ok, toHex } from "../support/assert.ts";
import { longerOnes, shortOnes } from "../support/byte-strings.ts";
import { readPacket } from "../support/bytes.ts";
import { ran, rounds } from "../support/campaign.ts";
import { typeFinder } from "../support/message-types.ts";
import { isTaken, lengthOfString, textOfBytes, textOfString } from "../support/text-model.ts";

/** How many of the byte strings of one to three bytes; test/native/text.spec.ts can have all of them. */
const SHORT_ONES = rounds(60_000, 2_400);
/** How many longer ones. */
const LONGER_ONES = rounds(24_000, 2_000);
const PAYLOAD_BYTES = 100;
const IP_BYTES = 45;
const NAME_BYTES = 64;
const A = 0x61;

interface Engine {
  /** Of the host for XS: a string of any bytes. */
  stringOf?(buffer: ArrayBuffer): string;
  args?: readonly string[];
  gc?(): void;
  /** Of Node. */
  TextDecoder?: new (
    label: string,
    options: object,
  ) => { decode(bytes: Uint8Array): string };
  TextEncoder?: new () => { encode(text: string): Uint8Array };
}
const engine = globalThis as Engine;
/** The TypeScript emitter asks text/encoder, which ends the machine at bytes that String.fromArrayBuffer would not have taken. */
const takesAll = engine.args?.[0] === "native";

/** The bytes behind as many letters as it takes to end an allocation of XS, which are of 8 bytes each, with the string's zero. */
function padded(bytes: readonly number[]): number[] {
  const letters = new Array<number>(7 - (bytes.length % 8)).fill(A);
  return letters.concat(bytes);
}

/** A string that is kept as these bytes, up to the first zero; undefined where there can be none. */
function stringOf(bytes: readonly number[]): string | undefined {
  const memory = new Uint8Array(bytes);
  if (engine.stringOf) return takesAll || isTaken(bytes) ? engine.stringOf(memory.buffer) : undefined;
  try {
    return new engine.TextDecoder!("utf-8", { fatal: true, ignoreBOM: true }).decode(memory.subarray(0, endOf(bytes)));
  } catch {
    return undefined; // in Node
  }
}

const endOf = (bytes: readonly number[]) => (bytes.includes(0) ? bytes.indexOf(0) : bytes.length);

/** In Node, what its decoder says of bytes. */
function agreesWithDecoder(bytes: readonly number[]): void {
  if (!engine.TextDecoder || !engine.TextEncoder) return;
  const text = new engine.TextDecoder("utf-8", { ignoreBOM: true })
    .decode(new Uint8Array(bytes))
    .replaceAll("\0", "\ufffd");
  const all = new engine.TextEncoder().encode(text);
  equal(
    toHex(new Uint8Array(textOfBytes(bytes, all.length))),
    toHex(all),
    `the decoder's text of ${toHex(new Uint8Array(bytes))}`,
  );
}

/** A view of the end of a buffer that ends an allocation. */
function viewOf(bytes: readonly number[]): Uint8Array {
  const before = 8 - (bytes.length % 8);
  const view = new Uint8Array(before + bytes.length);
  view.set(bytes, before);
  return view.subarray(before);
}

const hex = (bytes: ArrayLike<number>) => toHex(new Uint8Array(bytes));

function same(left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

interface Expected {
  what: string;
  of: readonly number[];
  text: readonly number[];
}

/** Gives an emitter texts, and compares what it drains with what is expected of each. */
function checker(options: object) {
  const telemetry = new Telemetry({ capacityBytes: 65_536, messageTypes: 65_535, clock: { now: () => 0 }, ...options });
  const connection = telemetry.connect(1);
  const reader = telemetry.reader();
  const buffer = new Uint8Array(65_536);
  const expected: Expected[] = [];
  const names: number[][] = [[]];
  reader.next(buffer);

  function drain(): void {
    let at = 0;
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) {
      const packet = readPacket(buffer.subarray(0, bytes));
      for (const { token, name } of packet.tokens) names[token] = Array.from(name, (letter) => letter.charCodeAt(0));
      for (const { token, text } of packet.records) {
        const { what, of, text: right } = expected[at++]!;
        const found = text ?? names[token]!;
        if (!same(found, right)) equal(hex(found), hex(right), `${what} of ${hex(of)}`);
      }
    }
    equal(at, expected.length, "texts");
    expected.length = 0;
    engine.gc?.(); // where each chunk is a malloc of its own, XS does not see that it is time
  }

  function expect(what: string, of: readonly number[], text: readonly number[]): void {
    expected.push({ what, of, text });
    if (expected.length === 400) drain();
  }
  return { telemetry, connection, drain, expect };
}

/** Checks each of these byte strings in all ways. */
function check(samples: Iterable<readonly number[]>): void {
  const plain = checker({});
  const lengths = checker({ privacy: privacy({ payloads: { "msg.recv": "length" } }) });
  let strings = 0;
  for (const bytes of samples) {
    agreesWithDecoder(bytes);
    plain.connection.sent(0, viewOf(bytes));
    plain.expect("bytes", bytes, textOfBytes(bytes, PAYLOAD_BYTES));
    const all = padded(bytes);
    const text = stringOf(all);
    if (text === undefined) continue;
    strings++;
    plain.connection.received(0, text);
    plain.expect("string", all, textOfString(all, PAYLOAD_BYTES));
    plain.telemetry.connect(1, text);
    plain.expect("address", all, textOfString(all, IP_BYTES));
    lengths.connection.received(0, text);
    const length = `[${lengthOfString(all)} bytes]`;
    lengths.expect(
      "length",
      all,
      Array.from(length, (letter) => letter.charCodeAt(0)),
    );
  }
  plain.drain();
  lengths.drain();
  ok(strings > 0, "there are strings");
}

describe("any bytes", () => {
  it("are the text that they are by the rules, where they end an allocation", () => {
    const samples = [
      "616161f0808080",
      "61c180",
      "ff808080",
      "f4908080",
      "f8808080",
      "fd808080",
      "c0",
      "c3",
      "c081",
      "e282",
      "ed",
      "eda0",
    ];
    samples.push(
      "eda080ed",
      "eda080edb0",
      "eda080edb080",
      "edb080eda080",
      "f09f98",
      "f0",
      "80",
      "bf80",
      "00",
      "610061",
    );
    check(samples.map((sample) => Array.from(fromHex(sample))));
  });

  it("are so at the cut", () => {
    const ends = [
      "c180",
      "e08080",
      "f0808080",
      "f4908080",
      "ff808080",
      "eda080",
      "eda080edb080",
      "f09f9880",
      "c080",
      "e282ac",
    ];
    const samples: number[][] = [];
    for (const before of ["", "c180", "c080", "eda080edb080"])
      for (const most of [IP_BYTES, PAYLOAD_BYTES])
        for (let length = most - 14; length <= most; length++)
          for (const end of ends) {
            const sample = [...fromHex(before), ...new Array<number>(length).fill(A), ...fromHex(end + end)];
            while (sample.length % 8 !== 7) sample.push(A); // no letters in front of it
            samples.push(sample);
          }
    check(samples);
  });

  it("are so, a share of those of one to three bytes", () => {
    check(shortOnes(SHORT_ONES));
    ran("byte strings as text", SHORT_ONES);
  });

  it("are so, longer ones", () => {
    check(longerOnes(LONGER_ONES));
    ran("byte strings as text", LONGER_ONES);
  });

  it("in a message with escapes keep its type within its memory", () => {
    const finder = typeFinder();
    const codes = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
    let found = 0;
    for (const bytes of [...shortOnes(1_000), ...longerOnes(500)]) {
      if (!isTaken(bytes) || bytes.some((byte) => byte < 0x20 || byte === 0x22 || byte === 0x5c)) continue;
      for (const ending of ['"}', '\\n"}', '"', ""]) {
        const message = padded([...codes('{"type":"\\n'), ...bytes, ...codes(ending)]).map((byte, index) =>
          index < 7 && byte === A ? 0x20 : byte,
        );
        // There charCodeAt of XS itself reads a byte behind the string.
        if (message[message.length - 4]! >= 0xfc) continue;
        const text = stringOf(message);
        if (text === undefined) continue;
        const { type, isUnlisted } = finder.find(text);
        const isUtf8 = same(textOfBytes(bytes, bytes.length), bytes);
        if (isUnlisted || !isUtf8 || bytes.length > 60 || !ending.endsWith('"}')) continue;
        const expected = [0x0a, ...bytes, ...(ending === '"}' ? [] : [0x0a])];
        equal(hex(type), hex(expected.length > NAME_BYTES ? [] : expected), `type in ${hex(message)}`);
        found++;
      }
      if (found % 100 === 0) engine.gc?.();
    }
    ok(found > 50, `${found} types found`);
  });

  it("as the name of a message type are made valid, and bounded", () => {
    const { telemetry, connection, drain, expect } = checker({});
    const known = new Map<string, number>();
    let tooLong = 0;
    // No character, though its first byte is of four, behind 61 letters: the name has room for the three bytes that stand for it.
    const atTheEnd = [...new Array<number>(54).fill(A), 0xf3, 0x85];
    equal(padded(atTheEnd).length, NAME_BYTES - 1, "padded with letters");
    for (const bytes of [atTheEnd, ...shortOnes(500), ...longerOnes(1_000)]) {
      const all = padded(bytes.slice(0, 70));
      const text = stringOf(all);
      if (text === undefined) continue;
      const name = textOfString(all, NAME_BYTES + 4);
      const isTooLong = name.length > NAME_BYTES;
      const kept = hex(all.slice(0, endOf(all)));
      if (isTooLong) tooLong++;
      else if (!known.has(kept) && name.length > 0) known.set(kept, known.size + 1);
      const token = telemetry.messageType(text);
      equal(token, isTooLong ? 0 : (known.get(kept) ?? 0), `token of ${kept}`);
      connection.received(token);
      expect("name", all, isTooLong ? [] : name);
    }
    drain();
    ok(known.size > 100 && tooLong > 10, `${known.size} names, ${tooLong} that are too long`);
    equal(telemetry.counters().unlistedTypes, tooLong, "unlistedTypes");
  });
});
