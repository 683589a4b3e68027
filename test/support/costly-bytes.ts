// Bytes that give a deframer as much work as possible: frames with a wrong CRC, cut, full of text, of line ends, of magics.
import { PACKET_MAGIC } from "../../src/ring/packet-layout.ts";
import { frame } from "./frames.ts";
import { packet } from "./packets.ts";

export type Random = (limit: number) => number;

const LOG = "I (12345) wifi: state: run -> init (0)\n";

/** A line of log text again and again. */
export function logText(bytes: number): Buffer {
  return Buffer.alloc(bytes, LOG);
}

/**
 * The frame of a packet of this many bytes, broken off after its first 48, with a last group that claims 120; then log text up to the next zero: the
 * result of a board that is reset within a frame, and logs as it starts.
 */
export function brokenOff(packetBytes: number, textBytes: number): Buffer {
  const header = Buffer.alloc(48);
  header.writeInt32LE(PACKET_MAGIC);
  header.fill(0x5a, 4, 20);
  header.writeUInt32LE(packetBytes * 8, 40);
  header.writeUInt32LE(packetBytes * 8, 44);
  const groups: number[] = [];
  let group: number[] = [];
  for (const byte of header) {
    if (byte !== 0) group.push(byte);
    else {
      groups.push(group.length + 1, ...group);
      group = [];
    }
  }
  return Buffer.concat([Buffer.from([0, ...groups, 120, ...group]), logText(textBytes), Buffer.alloc(1)]);
}

const CONTENTS: Readonly<Record<string, (random: Random) => number>> = {
  letters: (random) => 65 + random(50),
  "line ends": () => 10,
  "noise without a zero": (random) => 1 + random(255),
  noise: (random) => random(256),
  "zeros and line ends": (random) => 10 * random(2),
  "small groups": () => 9,
};

/** One of each kind, named; `mostBytes` limits the size that the frames claim. */
export function costlyFrames(random: Random, mostBytes: number): [name: string, bytes: Buffer][] {
  const found: [string, Buffer][] = [];
  for (const bytes of [256, 1408, 8192, 65_536].filter((size) => size <= mostBytes)) {
    found.push([`broken off at ${bytes}`, brokenOff(bytes, bytes + 6000)]);
    for (const [name, next] of Object.entries(CONTENTS)) {
      const whole = packet({ packetBits: bytes * 8, contentBits: bytes * 8 }, []);
      const grown = Buffer.concat([whole, Buffer.alloc(bytes - whole.length)]);
      for (let at = whole.length; at < bytes; at++) grown[at] = next(random);
      const bad = frame(grown);
      bad[bad.length - 3] = bad[bad.length - 3]! ^ 0x10 || 1;
      found.push([`${name}, ${bytes}`, bad]);
      for (const [what, inserted] of [
        ["text", logText(1600)],
        ["line ends", Buffer.alloc(3000, "\n")],
      ] as const)
        for (const at of [6, 22, 60])
          found.push([
            `${name}, ${bytes}, ${what} at ${at}`,
            Buffer.concat([bad.subarray(0, at), inserted, bad.subarray(at)]),
          ]);
    }
  }
  const magic = Buffer.alloc(4);
  magic.writeInt32LE(PACKET_MAGIC);
  found.push(["magics behind zeros", Buffer.concat([Buffer.from([0, 5]), magic])]);
  found.push(["magics", Buffer.concat([Buffer.from([5]), magic])]);
  found.push(["magics in text", Buffer.concat([Buffer.from(" \x05"), magic])]);
  return found;
}

/** The same bytes with some of them damaged, left out, or inserted again. */
export function mutated(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let count = random(6); count > 0 && result.length > 0; count--) {
    const at = random(result.length);
    const part = result.subarray(at, at + random(80));
    switch (random(4)) {
      case 0:
        result[at] = random(256);
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + part.length)]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), part, result.subarray(at)]);
        break;
      default:
        result = Buffer.concat([result.subarray(0, at), logText(random(300)), result.subarray(at)]);
    }
  }
  return result;
}

/** The bytes again and again, so many in all. */
export function repeated(bytes: Buffer, total: number): Buffer {
  return Buffer.alloc(total, bytes);
}
