import assert from "node:assert/strict";
import fc from "fast-check";
import { damageIn, deframe, frame, packetsIn, printed, textIn } from "../support/frames.ts";
import { mixedPackets } from "../support/packets.ts";
import { runs } from "../support/properties.ts";

const PACKETS = mixedPackets().map(({ bytes }) => bytes);

const LINES = printed(PACKETS);
const hex = (packets: readonly Uint8Array[]) => packets.map((bytes) => Buffer.from(bytes).toString("hex"));
const same = (actual: readonly Uint8Array[], expected: readonly Uint8Array[]) =>
  assert.deepEqual(hex(actual), hex(expected));

describe("packets printed on a console", () => {
  it("are read from a log, whatever lines are between those of a packet", () => {
    const log = LINES.flat().flatMap((line, index) => [line, `I (${index}) wifi: connected\r\n`]);
    const items = deframe(Buffer.from(log.join("")));
    same(packetsIn(items), PACKETS);
    assert.equal(textIn(items).length, LINES.flat().length);
    assert.deepEqual(damageIn(items), []);
  });

  const around: Record<string, (line: string) => string> = {
    "carriage returns": (line) => line.replace("\n", "\r\n"),
    "a time before each line": (line) => `2026-05-06T07:08:09.123Z ${line}`,
    "[a time] -> in brackets": (line) => `[07:08:09.123] -> ${line}`,
    colours: (line) => `\x1b[0;32mI (420) main: ${line.trim()}\x1b[0m\n`,
    "xsbug's XML": (line) => `<xsbug><log path="main.js" line="12">${line.trim()}&#10;</log></xsbug>\n`,
  };
  for (const [name, wrapped] of Object.entries(around))
    it(`are read with what monitors add: ${name}`, () => {
      const items = deframe(Buffer.from(LINES.flat().map(wrapped).join("")));
      same(packetsIn(items), PACKETS);
      assert.deepEqual(textIn(items), []);
      assert.deepEqual(damageIn(items), []);
    });

  it("keep the text that shares a line with them", () => {
    const [first] = LINES;
    const lines = first!.map((line, index) => (index === 0 ? `Connecting to pump ${line.trim()} done\n` : line));
    const items = deframe(Buffer.from(lines.join("")));
    same(packetsIn(items), PACKETS.slice(0, 1));
    assert.deepEqual(textIn(items), ["Connecting to pump  done"]);
  });

  it("share a line with frames", () => {
    const wire = PACKETS.map((packet, index) => (index % 2 ? frame(packet) : Buffer.from(LINES[index]!.join(""))));
    same(packetsIn(deframe(Buffer.concat(wire))), PACKETS);
  });

  it("are lost alone, and reported, if their lines are lost, changed, cut or doubled", () => {
    const places = LINES.flatMap((lines, packet) =>
      lines.map((line, index) => ({ line, packet, last: index === lines.length - 1 })),
    );
    const change = fc.constantFrom("lost", "changed", "cut", "doubled");
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(places.length - 1), change), { minLength: 1, maxLength: 3 }), (changes) => {
        const byPlace = new Map(changes);
        const hurt = new Set<number>();
        const left = new Set<number>();
        const log = places.map(({ line, packet }, index) => {
          const change = byPlace.get(index);
          if (change === "lost") hurt.add(packet);
          else left.add(packet);
          if (change === undefined) return line;
          hurt.add(packet);
          if (change === "lost") return "";
          if (change === "changed") return line.replace(/:(.)/, (_, character) => (character === "B" ? ":C" : ":B"));
          return change === "cut" ? `${line.slice(0, line.length >> 1)}\n` : line + line;
        });
        const items = deframe(Buffer.from(log.join("")));
        const whole = new Set(hex(packetsIn(items)));
        for (const [index, packet] of hex(PACKETS).entries()) {
          if (!hurt.has(index)) assert.ok(whole.has(packet), `packet ${index} of none of the changes`);
          // If a packet has lost all of its lines, the number of the next one shows it.
          else if (!whole.has(packet) && left.has(index)) assert.ok(damageIn(items).length > 0);
        }
        for (const packet of whole) assert.ok(hex(PACKETS).includes(packet), "a packet that nobody sent");
      }),
      runs(20_000, 200),
    );
  });

  it("are bounded, and what only looks like them is text", () => {
    const lines = ["~xt:", "~xt:.", "~xt:A.", "~xt:!!.", "see ~xt: there"];
    assert.deepEqual(textIn(deframe(Buffer.from(`${lines.join("\n")}\n`))), lines);
    const endless = `~xt:AAEC.\n${`~xt:${"QUFB".repeat(32)}.\n`.repeat(1000)}`;
    const items = deframe(Buffer.from(endless));
    assert.deepEqual(packetsIn(items), []);
    assert.ok(damageIn(items).length > 0);
  });
});
