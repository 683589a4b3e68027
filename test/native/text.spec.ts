// What the natives in C make of any bytes, under AddressSanitizer and UBSan, compared with the rules and with src/ring/text.ts: on their own they
// are fast enough for every byte string of one to three bytes.
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createText } from "../../src/ring/text.ts";
import { ALL_SHORT, longerOnes, shortOnes } from "../support/byte-strings.ts";
import { ran, rounds } from "../support/campaign.ts";
import { isTaken, lengthOfString, textOfBytes, textOfString } from "../support/text-model.ts";

/** Of the byte strings of one to three bytes: ALL_SHORT takes 45 seconds. */
const SHORT_ONES = rounds(ALL_SHORT, Math.floor(ALL_SHORT / 32));
/** A million take 20 seconds. */
const LONGER_ONES = rounds(1_000_000, 50_000);
const BATCH = 200_000;
const FOLDER = "dist/test-native";
const PAYLOAD_BYTES = 100;
const IP_BYTES = 45;

/** Moddable's text/encoder over a string of XS that is given as its bytes: what String.fromArrayBuffer accepts. */
const encoder = {
  encodeInto(value: unknown, into: Uint8Array) {
    const bytes = value as Uint8Array;
    let read = 0;
    let written = 0;
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at]!;
      const count = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
      const isPair =
        first === 0xed && bytes[at + 1]! >> 4 === 0xa && bytes[at + 3] === 0xed && bytes[at + 4]! >> 4 === 0xb;
      const isNul = first === 0xc0 && bytes[at + 1] === 0x80;
      const needed = isPair ? 4 : isNul ? 1 : count;
      if (written + needed > into.length) break;
      if (isPair) {
        const high = ((bytes[at + 1]! & 15) << 6) | (bytes[at + 2]! & 63);
        const code = 0x10000 + (high << 10) + ((bytes[at + 4]! & 15) << 6) + (bytes[at + 5]! & 63);
        into.set(
          [0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)],
          written,
        );
      } else if (isNul) into[written] = 0;
      else for (let index = 0; index < count; index++) into[written + index] = bytes[at + index]!;
      written += needed;
      read += isPair ? 2 : 1;
      at += isPair ? 6 : isNul ? 2 : count;
    }
    return { read, written };
  },
};
const hasNul = (bytes: Uint8Array) => bytes.some((byte, index) => byte === 0xc0 && bytes[index + 1] === 0x80);
const indexOf = { call: (value: unknown) => (hasNul(value as Uint8Array) ? 0 : -1) };

/** The emitter in TypeScript, as XS runs it. */
function typescript() {
  const memory = new ArrayBuffer(112);
  const text = createText({ encoder, indexOf } as unknown as Parameters<typeof createText>[0], memory, 0);
  const into = text.destination(PAYLOAD_BYTES);
  const all = new Uint8Array(memory);
  const taken = (written: number) => {
    for (let index = written; index < all.length; index++) if (all[index] !== 0) throw new Error("stale bytes");
    return all.subarray(0, written);
  };
  return {
    ofBytes: (bytes: Uint8Array) => taken(text.fromBytes(bytes, into)),
    ofString: (bytes: Uint8Array) => taken(text.fromString(bytes as unknown as string, into)),
  };
}

function same(left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false;
  for (let index = 0; index < left.length; index++) if (left[index] !== right[index]) return false;
  return true;
}

describe("texts in C", () => {
  const program = `${FOLDER}/text`;
  const { ofBytes, ofString } = typescript();

  before(function () {
    this.timeout(60_000);
    mkdirSync(FOLDER, { recursive: true });
    const sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];
    const flags = ["-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", ...sanitize];
    execFileSync("gcc", [...flags, "-Itest/native/xs", "test/native/text.c", "-o", program]);
  });

  /** Gives the program a batch, and compares. */
  function check(batch: readonly (readonly number[])[]): void {
    const input = Buffer.allocUnsafe(batch.reduce((sum, bytes) => sum + 1 + bytes.length, 0));
    let end = 0;
    for (const bytes of batch) {
      input[end++] = bytes.length;
      input.set(bytes, end);
      end += bytes.length;
    }
    const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 1 << 30 });
    equal(status, 0, String(stderr));
    let at = 0;
    const text = () => {
      const count = stdout[at++]!;
      at += count;
      return stdout.subarray(at - count, at);
    };
    const agrees = (what: string, bytes: readonly number[], found: ArrayLike<number>, right: ArrayLike<number>) => {
      if (!same(found, right))
        deepEqual(Array.from(found), Array.from(right), `${what} of ${Buffer.from(bytes).toString("hex")}`);
    };
    for (const bytes of batch) {
      const memory = Uint8Array.from(bytes);
      const right = textOfBytes(bytes, PAYLOAD_BYTES);
      agrees("bytes", bytes, text(), right);
      agrees("TypeScript: bytes", bytes, ofBytes(memory), right);
      const rightString = textOfString(bytes, PAYLOAD_BYTES);
      agrees("string", bytes, text(), rightString);
      agrees("address", bytes, text(), textOfString(bytes, IP_BYTES));
      equal(
        stdout[at++]! | (stdout[at++]! << 8),
        lengthOfString(bytes),
        `length of ${Buffer.from(bytes).toString("hex")}`,
      );
      if (!bytes.includes(0) && isTaken(bytes)) agrees("TypeScript: string", bytes, ofString(memory), rightString);
    }
    equal(at, stdout.length, "what the program said");
  }

  function checkAll(samples: Iterable<readonly number[]>): void {
    let batch: (readonly number[])[] = [];
    let count = 0;
    for (const bytes of samples) {
      if (bytes.length > 255) continue;
      count++;
      if (batch.push(bytes) < BATCH) continue;
      check(batch);
      batch = [];
    }
    check(batch);
    ok(count > 1_000, `${count} byte strings`);
    ran("byte strings as text, C by itself", count);
  }

  it("are as the rules say, and as those of TypeScript, of byte strings of one to three bytes", function () {
    this.timeout(600_000);
    checkAll(shortOnes(SHORT_ONES));
  });

  it("are so of longer ones", function () {
    this.timeout(600_000);
    checkAll(longerOnes(LONGER_ONES));
  });
});
