import assert from "node:assert/strict";
import { type Deframed, Deframer } from "../../host/receive/deframer.ts";
import { isTextByte } from "../../host/receive/log-lines.ts";
import { maxFrameBytes, writeFrame } from "../../src/drain/frame.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { damageIn, deframe, frame, packetsIn, textIn } from "../support/frames.ts";
import { mixedPackets, PacketSource, packet, randomIntegers, randomPackets, tokenEntries } from "../support/packets.ts";

const PACKETS = mixedPackets().map(({ bytes }) => bytes);
const text = (value: string) => Buffer.from(value);
const LINES = [
  "I (312) cpu_start: Starting scheduler.",
  "",
  "\x1b[0;32mI (420) wifi: connected\x1b[0m",
  "naïve ☃ 😀",
  "E (9) x: 0x1f",
];

/** Frames with a line of text after each. */
function clean(): { wire: Buffer; lines: string[] } {
  const lines = PACKETS.map((_, index) => LINES[index % LINES.length]!);
  const wire = Buffer.concat(PACKETS.flatMap((bytes, index) => [frame(bytes), text(`${lines[index]}\r\n`)]));
  return { wire, lines };
}

function sameBytes(actual: readonly Uint8Array[], expected: readonly Uint8Array[]): void {
  assert.deepEqual(
    actual.map((bytes) => Buffer.from(bytes).toString("hex")),
    expected.map((bytes) => Buffer.from(bytes).toString("hex")),
  );
}

describe("frames and log text on one line", () => {
  it("gives every packet, every line of text and their places", () => {
    const { wire, lines } = clean();
    const items = deframe(wire);
    sameBytes(packetsIn(items), PACKETS);
    assert.deepEqual(textIn(items), lines);
    assert.deepEqual(damageIn(items), []);
    const [first, second] = items as { offsetBytes: number }[];
    assert.deepEqual([first!.offsetBytes, second!.offsetBytes], [1, frame(PACKETS[0]!).length]);
  });

  it("reads what the device writes, packets of every length and with full groups included", () => {
    const random = randomIntegers(7);
    for (let size = 96; size < 1600; size += 16) {
      const bytes = packet({ packetBits: size * 8, contentBits: size * 8 }, new Array(size - 96).fill(0));
      for (let at = 96; at < size; at++) bytes[at] = size % 3 === 0 ? 1 + random(255) : random(3);
      const into = new Uint8Array(maxFrameBytes(size));
      const written = into.subarray(0, writeFrame(bytes, size, into));
      sameBytes(packetsIn(deframe(written)), [bytes]);
      const items = deframe(Buffer.concat([frame(bytes, { emptyLastGroup: true }), text("next\n")]));
      sameBytes(packetsIn(items), [bytes]);
      assert.deepEqual(textIn(items), ["next"]);
    }
  });

  it("gives the same items for chunks of every size", () => {
    const { wire } = clean();
    const noise = Buffer.from(wire);
    for (let at = 50; at < noise.length; at += 301) noise[at] = noise[at]! ^ 0x41;
    for (const bytes of [wire, noise]) {
      const whole = deframe(bytes);
      for (let size = 1; size < 200; size++) assert.deepEqual(deframe(bytes, size), whole, `chunks of ${size}`);
    }
  });

  it("gives a packet with its last byte and a line with its end, not later", () => {
    const deframer = new Deframer();
    const bytes = frame(PACKETS[1]!);
    assert.deepEqual(deframer.push(bytes.subarray(0, -2)), []);
    assert.equal(deframer.push(bytes.subarray(-2, -1)).length, 1);
    deframer.push(bytes.subarray(-1));
    assert.deepEqual(deframer.push(text("I (1) ab")), []);
    assert.deepEqual(textIn(deframer.push(text("c\n"))), ["I (1) abc"]);
  });

  it("at every cut gives what was whole before, and names a frame that is not", () => {
    const { wire, lines } = clean();
    const ends: number[] = [];
    for (let at = 0, index = 0; index < PACKETS.length; index++) {
      at += frame(PACKETS[index]!).length;
      ends.push(at - 1);
      at += Buffer.byteLength(lines[index]!) + 2;
    }
    for (let cut = 0; cut <= wire.length; cut++) {
      const items = deframe(wire.subarray(0, cut));
      const whole = ends.filter((end) => end <= cut).length;
      sameBytes(packetsIn(items), PACKETS.slice(0, whole));
      assert.ok(damageIn(items).every((code) => code === "E_FRAME"));
      const inFrame = whole < PACKETS.length && cut >= ends[whole]! - frame(PACKETS[whole]!).length + 3;
      assert.equal(damageIn(items).length, inFrame ? 1 : 0, `cut at ${cut}`);
    }
  });

  it("from every beginning on gives what is whole after it", () => {
    const { wire } = clean();
    let starts: number[] = [];
    let at = 0;
    for (const item of deframe(wire)) if (item.kind === "packet") starts.push(item.offsetBytes);
    for (at = 0; at < wire.length; at++) {
      const items = deframe(wire.subarray(at));
      starts = starts.filter((start) => start >= at);
      sameBytes(packetsIn(items), PACKETS.slice(PACKETS.length - starts.length));
    }
  });

  it("loses at most the packet that a damaged byte is in, reports it, and takes nothing of it for text", () => {
    const { wire, lines } = clean();
    const whole = deframe(wire);
    const starts = whole.flatMap((item) => (item.kind === "packet" ? [item.offsetBytes] : []));
    for (let at = 0; at < wire.length; at++) {
      for (const change of [0x01, 0x80, 0xff, wire[at]!]) {
        const damaged = Buffer.from(wire);
        damaged[at] = damaged[at]! ^ change;
        const items = deframe(damaged);
        const packets = packetsIn(items);
        const hit = PACKETS.findIndex((bytes, i) => at >= starts[i]! && at < starts[i]! + frame(bytes).length - 2);
        const place = `byte ${at} ^ ${change}: ${JSON.stringify(textIn(items))}`;
        if (hit < 0) {
          sameBytes(packets, PACKETS);
          continue;
        }
        sameBytes(
          packets,
          PACKETS.filter((_, index) => index !== hit),
        );
        assert.deepEqual(damageIn(items), ["E_FRAME"], place);
        // A name with a line end is valid text, once the frame around it is gone.
        // So are the bytes after a damaged checksum, if they happen to be characters.
        const end = hit < 0 ? at : starts[hit]! + frame(PACKETS[hit]!).length - 2;
        const ofSum = end - at <= 4 ? wire.toString("utf8", at + 1, end).split("\n") : [];
        const ofName = (line: string) => 'we"ird'.endsWith(line) || ofSum.includes(line);
        assert.deepEqual(
          textIn(items).filter((line) => !ofName(line)),
          lines.filter((line) => !ofName(line)),
          place,
        );
      }
    }
  });

  it("finds the place of a bad frame, and says what is wrong with it", () => {
    const [first, second] = PACKETS.map((bytes) => frame(bytes));
    const problems = (bytes: Uint8Array) =>
      deframe(bytes).flatMap((item) =>
        item.kind === "damage" ? [[item.problem.offsetBytes, item.problem.message]] : [],
      );
    const crc = Buffer.from(second!);
    crc[crc.length - 3] = crc[crc.length - 3]! ^ 0x10;
    assert.deepEqual(
      problems(Buffer.concat([first!, crc, first!])).map(([offset]) => offset),
      [first!.length + 1],
    );
    assert.match(String(problems(crc)[0]![1]), /CRC/);
    assert.match(String(problems(Buffer.concat([second!.subarray(0, 60), first!]))[0]![1]), /COBS|CRC/);
    assert.match(String(problems(second!.subarray(0, 60))[0]![1]), /cut at the end: the data ends 59 bytes/);
    const endless = Buffer.concat([second!.subarray(0, 150), Buffer.alloc(200_000, 0x55)]);
    assert.match(String(problems(endless)[0]![1]), /it is longer than \d+ bytes/);
  });

  it("reports a frame that never ends as soon as it is longer than possible, and continues after it", () => {
    const deframer = new Deframer();
    const second = frame(PACKETS[1]!);
    let items: Deframed[] = deframer.push(second.subarray(0, 150));
    let bytes = 150;
    for (; items.length === 0 && bytes < 100_000; bytes += 100) items = deframer.push(Buffer.alloc(100, 0x99));
    assert.ok(bytes < 6000, `told after ${bytes} bytes`);
    sameBytes(packetsIn(deframer.push(second)), [PACKETS[1]!]);
  });

  it("removes thousands of line ends from a packet's header, though they may be anywhere in it", () => {
    const body = frame(PACKETS[0]!);
    for (const at of [6, 16, 22]) {
      const items = deframe(Buffer.concat([body.subarray(0, at), Buffer.alloc(3000, "\n"), body.subarray(at)]));
      sameBytes(packetsIn(items), [PACKETS[0]!]);
      assert.deepEqual([damageIn(items), textIn(items).length], [[], 3000], `at ${at}`);
    }
  });

  it("keeps log text that a device wrote after it broke off in a frame", () => {
    const cut = frame(PACKETS[2]!).subarray(0, 150);
    const boot = "ets Jun  8 2016 00:22:57\r\nrst:0x1 (POWERON_RESET)\r\nI (29) boot: ESP-IDF";
    const items = deframe(Buffer.concat([cut, text(boot), frame(PACKETS[0]!), text(" v4\r\n")]));
    sameBytes(packetsIn(items), [PACKETS[0]!]);
    assert.deepEqual(damageIn(items), ["E_FRAME"]);
    const lines = textIn(items);
    assert.equal(lines.length, 3);
    assert.ok(lines[0]!.endsWith("ets Jun  8 2016 00:22:57"));
    assert.deepEqual(lines.slice(1), ["rst:0x1 (POWERON_RESET)", "I (29) boot: ESP-IDF v4"]);
  });

  it("takes text out of a frame that it was written into, at every byte of it", () => {
    const written = ["I (77) wifi: state: run -> init\r\nW (78) again\r\n", "x\n", "naïve ☃ 😀\n", "a piece of a line"];
    for (const bytes of [PACKETS[0]!, PACKETS[1]!, PACKETS[2]!]) {
      const body = frame(bytes);
      for (const insert of written) {
        for (let at = 1; at < body.length; at++) {
          const wire = [text("before\n"), body.subarray(0, at), text(insert), body.subarray(at), text("\nafter\n")];
          const items = deframe(Buffer.concat(wire));
          sameBytes(packetsIn(items), [bytes]);
          assert.deepEqual(damageIn(items), []);
          // Where a piece without a line end begins is ambiguous if the bytes around it are equal.
          const sorted = (value: string) => (insert.endsWith("\n") ? value : [...value].sort().join(""));
          const expected = `before\n${insert}\nafter`.replaceAll("\r", "");
          assert.equal(sorted(textIn(items).join("\n")), sorted(expected), `${JSON.stringify(insert)} at ${at}`);
        }
      }
    }
  });

  it("takes text out of the longest frame", () => {
    const bytes = packet({ packetBits: 65536 * 8, contentBits: 65536 * 8 }, new Array(65536 - 96).fill(65));
    for (const at of [3, 30, 60, 100, 300, 40_000, 65_700]) {
      const body = frame(bytes);
      const items = deframe(Buffer.concat([body.subarray(0, at), text("I (1) hello\n"), body.subarray(at)]));
      assert.deepEqual([packetsIn(items).length, textIn(items)], [1, ["I (1) hello"]], `at ${at}`);
    }
  });

  it("shows text as it is, bytes that are no UTF-8 as U+FFFD, and a line that is too long in pieces", () => {
    const bytes = Buffer.from([0x61, 0xe2, 0x98, 0x0a, 0xfe, 0x62, 0x0a]);
    assert.deepEqual(textIn(deframe(Buffer.concat([text("I (1) boot\n"), bytes]))).slice(1), ["a\ufffd", "\ufffdb"]);
    const long = "☃".repeat(5000);
    const pieces = textIn(deframe(text(`${long}\nnext\nlast`)));
    assert.ok(pieces.length === 6 && pieces.every((piece) => Buffer.byteLength(piece) <= 4096));
    assert.equal(pieces.slice(0, 4).join(""), long);
    assert.deepEqual(pieces.slice(4), ["next", "last"]);
  });

  it("joins a line that was interrupted by frames", () => {
    const [a, b] = PACKETS.map((bytes) => frame(bytes));
    const items = deframe(
      Buffer.concat([text("I (0) boot\nI (1"), a!, text(") he"), a!, b!, text("llo\r"), b!, text("\nnext\n")]),
    );
    assert.deepEqual(textIn(items), ["I (0) boot", "I (1) hello", "next"]);
    assert.equal(packetsIn(items).length, 4);
  });

  it("skips zeros, erased flash and a boot loader's garbage, and loses no frame after them", () => {
    const random = randomIntegers(3);
    for (let round = 0; round < 500; round++) {
      const garbage = Buffer.from(Array.from({ length: random(400) }, () => 1 + random(255)));
      const wire = [
        garbage,
        Buffer.alloc(random(5)),
        frame(PACKETS[1]!),
        Buffer.alloc(random(2000), 0xff),
        frame(PACKETS[2]!),
      ];
      sameBytes(packetsIn(deframe(Buffer.concat(wire))), [PACKETS[1]!, PACKETS[2]!]);
    }
    const flash = Buffer.concat([
      Buffer.alloc(9000, 0xff),
      frame(PACKETS[1]!),
      Buffer.alloc(9000, 0xff),
      Buffer.alloc(70),
    ]);
    const items = deframe(flash);
    assert.deepEqual([textIn(items), damageIn(items), packetsIn(items).length], [[], [], 1]);
  });

  it("recognises a packet stream without frames, once, and names the way out", () => {
    const stream = Buffer.concat([...PACKETS, ...PACKETS, ...PACKETS]);
    const items = deframe(stream);
    assert.deepEqual(damageIn(items), ["E_NO_FRAMES"]);
    assert.deepEqual([packetsIn(items), textIn(items)], [[], []]);
    const [told] = items;
    assert.match((told as { problem: { message: string } }).problem.message, /decode -/);
    assert.equal(packetsIn(deframe(Buffer.concat([stream, frame(PACKETS[1]!)]))).length, 1);
  });

  it("keeps random interleavings apart", () => {
    const seed = seedFor(5);
    const random = randomIntegers(seed);
    for (const round of campaign("lines that packets and log text share", 3000, 200)) {
      const packets = randomPackets(random, 1 + random(12)).map(({ bytes }) => bytes);
      let written = "";
      const parts: Buffer[] = [];
      const say = (value: string) => {
        written += value;
        parts.push(text(value));
      };
      const line = () => `${LINES[random(LINES.length)]}${random(2) ? "\r" : ""}\n`;
      say("I (0) boot\n");
      for (const bytes of packets) {
        const log = Array.from({ length: random(4) }, line).join("");
        const cut = random(log.length + 1);
        say(log.slice(0, cut).replace(/[\ud800-\udbff]$/, ""));
        const body = frame(bytes);
        if (random(2)) {
          // A frame whose last byte before the zero is the text's first ends with either, and is taken as soon as it is whole.
          const place = random(body.length + 1);
          const at = place === body.length - 2 && body[place] === 0x49 ? place + 1 : place;
          parts.push(body.subarray(0, at));
          // An empty line beside a byte of the frame that is a line feed, too, could be either.
          say(Array.from({ length: 1 + random(3) }, () => `I (${random(999)}) ${line()}`).join(""));
          parts.push(body.subarray(at));
        } else parts.push(body);
        if (random(3) === 0) parts.push(Buffer.alloc(random(4), random(2) ? 0 : 0xff));
      }
      say("\n");
      const items = deframe(Buffer.concat(parts), 1 + random(300));
      assert.deepEqual(damageIn(items), [], `seed ${seed}, round ${round}`);
      sameBytes(packetsIn(items), packets);
      assert.deepEqual(textIn(items), written.split(/\r?\n/).slice(0, -1), `seed ${seed}, round ${round}`);
    }
  });

  it("takes nothing of a frame that it begins within for text, wherever that is", () => {
    const lines = "secret\nsecret of nine\nsecret";
    const payloads = ['{"type":"setPassword","value":"secret"}', lines, "\nsecret 9\n", "secret".repeat(16)];
    const source = new PacketSource({ bootId: 10 }); // a line feed
    const records = Array.from({ length: 40 }, (_, index) => {
      const payloadSummary = payloads[index % payloads.length]!;
      return { event: "msg.recv", time: 0x0a0a0a0a + 10 * index, clientId: 10, token: 10, payloadSummary } as const;
    });
    const first = frame(source.data(records).bytes);
    const next = source.data(records).bytes;
    const logs = ["I (1) a", "I (2) b"];
    let withinLines = 0;
    // Where only the first zero is missing, it is whole.
    for (let from = 2; from < first.length; from++) {
      const rest = first.subarray(from);
      const wire = Buffer.concat([rest, text(`${logs[0]}\n`), frame(next), text(`${logs[1]}\n`)]);
      const items = deframe(wire, 1 + (from % 600));
      // A payload's second line, with nothing before it, could be the log's.
      const begins = rest.subarray(
        0,
        rest.findIndex((byte) => !isTextByte(byte)),
      );
      if (begins.lastIndexOf(0x0a) >= 8) withinLines++;
      else assert.deepEqual(textIn(items), logs, `from ${from} of ${first.length}`);
      assert.deepEqual([from, packetsIn(items).length, damageIn(items)], [from, 1, []]);
    }
    assert.ok(first.length > 5000 && withinLines < 300, `${withinLines} of ${first.length}`);
  });

  it("shows a line as soon as it has ended if the stream begins with it; after garbage, when it is clear that it is text", () => {
    const deframer = new Deframer();
    assert.deepEqual(textIn(deframer.push(text("I (1) boot\n"))), ["I (1) boot"]);
    const lines = Array.from({ length: 20 }, (_, index) => `I (${index}) cpu_start: line`);
    for (const tail of ["", "more"]) {
      const wire = Buffer.concat([Uint8Array.of(0x8e, 2, 0x41, 0x1f, 10), text(`${lines.join("\n")}\n${tail}`)]);
      for (const chunk of [1, 1000]) assert.deepEqual(textIn(deframe(wire, chunk)), tail ? [...lines, tail] : lines);
    }
    // A log in another encoding is not garbage.
    assert.deepEqual(textIn(deframe(Buffer.from("Gerät\nnächste\n", "latin1"))), ["Ger\ufffdt", "n\ufffdchste"]);
  });

  it("keeps a name in a token packet that looks like log text in the packet", () => {
    const bytes = packet({ streamId: 1 }, tokenEntries([[1, "I (1) wifi: x\n"]]));
    const items = deframe(frame(bytes));
    sameBytes(packetsIn(items), [bytes]);
    assert.deepEqual(textIn(items), []);
  });
});
