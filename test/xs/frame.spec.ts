import { maxFrameBytes, writeFrame } from "#frame";
import { deepEqual, equal, fromHex, ok, random, throws, toHex } from "../support/assert.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { crc32, packetsOnLine } from "../support/line-frames.ts";

/** Of the emitter in C alone: see build/xs-specs.mjs and test/engine.spec.ts. */
declare const args: string[] | undefined;
const isNative = typeof args !== "undefined" && args[0] === "native";

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);

/** The frame in a buffer that is as long as it needs to be, with guards around it. */
function frameOf(packet: Uint8Array): Uint8Array {
  const most = maxFrameBytes(packet.length);
  const memory = filled(most + 16, 0xaa);
  // Behind the packet stand bytes that are none of it.
  const buffer = filled(packet.length + 8, 0x55);
  buffer.set(packet);
  const bytes = writeFrame(buffer, packet.length, memory.subarray(8, 8 + most));
  ok(bytes <= most, `${bytes} bytes of at most ${most}`);
  ok(
    memory.every((byte, at) => (at >= 8 && at < 8 + most) || byte === 0xaa),
    "guards",
  );
  deepEqual(buffer.slice(0, packet.length), packet, "the packet itself");
  return memory.slice(8, 8 + bytes);
}

/** Packet, frame. The checksums were taken from zlib. */
const FRAMES: readonly (readonly [string, string])[] = [
  ["", "00010101010100"],
  ["00", "0001058def02d200"],
  ["313233343536373839", "000e3132333435363738392639f4cb00"],
  ["c11ffcc1000001", "0005c11ffcc1010601a6ffb43100"],
];

/** Bytes of the packet, its CRC-32 by zlib, bytes of its frame: without a zero, packets whose last group is not full, full, and one longer. */
const ONES: readonly (readonly [number, number, number])[] = [
  [1, 0xb8b2cf7f, 8],
  [249, 0x19bae577, 256],
  [250, 0x76ca9105, 258],
  [251, 0xc8aef161, 259],
  [253, 0xceec41df, 261],
  [254, 0xae10ec7b, 262],
  [255, 0x7fcb7727, 263],
  [503, 0x59a1e2a8, 511],
  [504, 0x60e64547, 513],
  [505, 0x506afd09, 514],
  [508, 0xd8683fde, 517],
  [1400, 0x05256c44, 1412],
];
const ZEROS: readonly (readonly [number, number, number])[] = [
  [253, 0x181e4e5e, 260],
  [254, 0x5ec98d30, 261],
  [255, 0xf48516ac, 262],
  [508, 0x0fbb6d54, 515],
  [1400, 0x94b14884, 1407],
];

describe("frames", () => {
  it("are these bytes", () => {
    for (const [packet, frame] of FRAMES) equal(toHex(frameOf(fromHex(packet))), frame, `frame of ${packet}`);
  });

  for (const [value, rows] of [
    [0x11, ONES],
    [0, ZEROS],
  ] as const)
    it(`hold packets of ${value === 0 ? "zeros" : "no zeros"} at the lengths where groups end`, () => {
      for (const [bytes, crc, frameBytes] of rows) {
        const packet = filled(bytes, value);
        const frame = frameOf(packet);
        equal(frame.length, frameBytes, `bytes of the frame of ${bytes}`);
        equal(crc32(packet), crc, `CRC-32 of ${bytes}`);
        equal(frame.indexOf(0, 1), frame.length - 1, "the only zeros are its ends");
        deepEqual(packetsOnLine(frame), [packet], `packet of ${bytes}`);
      }
    });

  it("hold any packet, and nothing else of the buffer", () => {
    const seed = seedFor(1);
    const { below } = random(seed);
    for (const count of campaign("frames written and read", 1200, 100)) {
      const zeros = below(3) === 0 ? 2 : 300;
      const packet = new Uint8Array(below(700)).map(() => (below(zeros) === 0 ? 0 : below(256)));
      deepEqual(packetsOnLine(frameOf(packet)), [packet], `seed ${seed}, packet ${count}`);
    }
  });

  it("begin, after the first code, with the packet's magic", () => {
    const packet = filled(1400, 0x11);
    packet.set([0xc1, 0x1f, 0xfc, 0xc1]);
    equal(toHex(frameOf(packet).slice(2, 6)), "c11ffcc1", "magic");
  });

  // What checks nothing in TypeScript would write anywhere in C.
  if (isNative)
    it("in C are refused where the packet or the frame does not fit", () => {
      const packet = filled(300, 1);
      throws(() => writeFrame(packet, 301, filled(400, 0)), "RangeError", "301");
      throws(() => writeFrame(packet, -1, filled(400, 0)), "RangeError", "-1");
      throws(() => writeFrame(packet, 2 ** 31 - 1, filled(400, 0)), "RangeError");
      throws(() => writeFrame(packet, 300, filled(maxFrameBytes(300) - 1, 0)), "RangeError", "300");
      throws(() => writeFrame(undefined as unknown as Uint8Array, 0, filled(400, 0)), "TypeError");
      throws(() => (writeFrame as (packet: Uint8Array) => number)(packet), "TypeError", "into");
    });
});
