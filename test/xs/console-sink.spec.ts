import { consoleSink } from "xs-telemetry/console";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { packetsOnLine } from "../support/line-frames.ts";
import { listen, packetOf } from "../support/sinks.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** The bytes of a line, read by hand. */
function bytesOf(line: string): number[] {
  equal(line.slice(0, 4), "~xt:", "mark");
  equal(line.slice(-2), ".\n", "end");
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const character of line.slice(4, -2)) {
    const sextet = ALPHABET.indexOf(character);
    ok(sextet >= 0, `a character of base64: ${character}`);
    bits = (bits << 6) | sextet;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push((bits >> held) & 0xff);
    bits &= (1 << held) - 1;
  }
  return bytes;
}

describe("a console sink", () => {
  it("prints each packet as a frame in base64, in lines of at most 134 characters", () => {
    const lines: string[] = [];
    const sink = consoleSink({ print: (line) => lines.push(line), maxPacketBytes: 1400 })(listen().events);
    for (const length of [96, 97, 98, 300, 301, 1400]) {
      const packet = packetOf(length);
      for (let at = 0; at < length; at++) packet[at] = (at * 37) & 0xff;
      lines.length = 0;
      equal(sink.write(packet, length), true, "taken");
      const bytes = lines.flatMap(bytesOf);
      deepEqual(packetsOnLine(Uint8Array.from(bytes)), [packet.slice(0, length)], `a packet of ${length} bytes`);
      for (const line of lines) ok(line.length <= 134, `${line.length} characters`);
      equal(lines.length, Math.ceil(bytes.length / 96), "lines");
    }
    sink.close();
  });

  it("takes 512 bytes by default, and reports when printing fails", () => {
    const { events } = listen();
    equal(consoleSink()(events).maxPacketBytes, 512, "default");
    const broken = consoleSink({
      print() {
        throw new Error("no console");
      },
    })(events);
    throws(() => broken.write(packetOf(100), 100), "Error", "no console");
  });

  it("refuses wrong options by name", () => {
    throws(() => consoleSink({ print: 1 as never }), "TypeError", "print");
    throws(() => consoleSink({ maxPacketBytes: 10 }), "RangeError", "maxPacketBytes");
    throws(() => consoleSink({ baud: 1 } as never), "TypeError", "baud");
  });
});
