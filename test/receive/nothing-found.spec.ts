import assert from "node:assert/strict";
import { InputSample, type NothingFound, type Sought } from "../../host/receive/nothing-found.ts";
import { frame } from "../support/frames.ts";
import { joined, randomIntegers, randomPackets } from "../support/packets.ts";
import { misread } from "../support/uart.ts";

const random = randomIntegers(11);
const PACKETS = Array.from({ length: 12 }, () => randomPackets(random, 12)).flat();
const LOG = "I (312) cpu_start: Starting scheduler.\n\x1b[0;32mI (420) wifi: naïve ☃\x1b[0m\n".repeat(30);
const FRAMES = Buffer.concat([Buffer.from(LOG), ...PACKETS.map(({ bytes }) => frame(bytes))]);
const LINE = 'I (1) app: {"event":"ws.connected","ts_mono_ms":1}\n';

function found(bytes: Uint8Array, sought: Sought = "packets", chunkBytes = 1000): NothingFound | undefined {
  const sample = new InputSample();
  for (let at = 0; at < bytes.length; at += chunkBytes) sample.add(bytes.subarray(at, at + chunkBytes));
  return sample.nothingFound(sought);
}

/** Bytes as a terminal in cooked mode passes them on: `icrnl`, `ixon`, `isig`, `icanon` with their usual characters. */
function cooked(bytes: Uint8Array): Buffer {
  const swallowed = [0x03, 0x04, 0x11, 0x13, 0x15, 0x16, 0x17, 0x1a, 0x1c, 0x7f, 0x12, 0x0f];
  return Buffer.from(bytes.filter((byte) => !swallowed.includes(byte)).map((byte) => (byte === 0x0d ? 0x0a : byte)));
}

describe("an input in which nothing is found", () => {
  const cases: [name: string, bytes: Uint8Array, cause: NothingFound["cause"], says: RegExp][] = [
    ["log text", Buffer.from(LOG), "text", /it is only log text/],
    ["a log in another encoding", Buffer.from("Gerät läuft schön\n".repeat(20), "latin1"), "text", /only log text/],
    ["telemetry lines", Buffer.from(LOG + LINE), "lines", /xs-telemetry extract, without --frames/],
    ["packets without frames", joined(PACKETS), "bare", /xs-telemetry decode/],
    ["UTF-16 without a mark", Buffer.from(LOG + LINE, "utf16le"), "utf-16", /UTF-16 without a byte order mark/],
    ["the other UTF-16", Buffer.from(LOG, "utf16le").swap16(), "utf-16", /save it as UTF-8/],
    ["what a monitor has read as text", Buffer.from(FRAMES.toString("utf8")), "replaced", /replaced some by U\+FFFD/],
    ["a hex dump", Buffer.from(FRAMES.toString("hex").replace(/.{32}/g, "$&\n")), "dump", /a hex dump.*xxd -r -p/],
    ["base64", Buffer.from(FRAMES.toString("base64").replace(/.{64}/g, "$&\n")), "dump", /base64 -d/],
    ["zstd", Buffer.concat([Buffer.from("28b52ffd", "hex"), FRAMES]), "packed", /zstd -dc FILE/],
    ["a terminal in cooked mode", cooked(FRAMES), "cooked", /stty -F \/dev\/ttyUSB0 raw -echo 115200 .* --serial/],
    ...[9600, 57_600, 74_880, 230_400, 460_800, 921_600].map(
      (baud) =>
        [`${baud} baud`, misread(FRAMES, 115_200, baud), "noise", /\d+ % of them are neither .*--baud match the/] as [
          string,
          Uint8Array,
          "noise",
          RegExp,
        ],
    ),
  ];
  for (const [name, bytes, cause, says] of cases)
    it(`is named: ${name}`, () => {
      const nothing = found(bytes)!;
      assert.deepEqual([nothing.cause, nothing.problem.code], [cause, "E_NO_FRAMES"], nothing.problem.message);
      assert.match(nothing.problem.message, new RegExp(`^no packet in ${bytes.length} bytes: `));
      assert.match(nothing.problem.message, says);
    });

  it("is named where lines are sought: packets in frames, or without", () => {
    const lines = found(FRAMES, "lines")!;
    assert.deepEqual([lines.cause, lines.problem.code], ["frames", "E_NO_LINES"]);
    assert.match(lines.problem.message, /^no telemetry line in \d+ bytes: .*extract --frames/);
    assert.equal(found(joined(PACKETS), "lines")!.cause, "bare");
    assert.match(found(Buffer.from(LOG), "lines")!.problem.message, /no line has a "\{" followed by a key "event"/);
  });

  it("is not reported without bytes, or after something was found; only a part is examined, however large the input is", () => {
    assert.equal(found(new Uint8Array(0)), undefined);
    const sample = new InputSample();
    sample.add(Buffer.from(LOG));
    sample.found();
    sample.add(Buffer.from(LOG));
    assert.equal(sample.nothingFound("packets"), undefined);
    const large = new InputSample();
    const chunk = Buffer.alloc(1 << 20, "I (1) hello\n");
    for (let count = 0; count < 500; count++) large.add(chunk);
    assert.match(large.nothingFound("packets")!.problem.message, /^no packet in 524288000 bytes: it is only log text/);
  });

  it("has some cause or other, whatever the bytes are", () => {
    for (let length = 1; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, () => random(256));
      for (const sought of ["packets", "lines"] as const) assert.ok(found(bytes, sought)!.problem.message.length < 300);
    }
  });
});
