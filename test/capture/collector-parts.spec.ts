// Captures in parts: rotated by size, the oldest deleted.
import assert from "node:assert/strict";
import fs, { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { listBoots, TOKENS_FILE } from "../../host/capture/folder.ts";
import { registry } from "../../host/generated/registry.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { Collecting, plain, T0 } from "../support/collecting.ts";
import { drain, emitter } from "../support/emit.ts";
import { type BuiltPacket, PacketSource, randomIntegers } from "../support/packets.ts";

describe("collecting packets of devices", () => {
  const at = new Collecting();

  it("rotates by size: each part is a trace of its own, losses are counted once, and decode reads one stream", async () => {
    const all = at.collector({ rotateBytes: 1000 });
    const packets = plain(40, {}, (index) => (index % 7 === 0 ? index : 0));
    for (const [index, { bytes }] of packets.entries()) if (index !== 20) all.packet("a", bytes, T0 + index);
    all.close();
    const parts = readdirSync(join(at.dir, "a")).filter((name) => name.startsWith("boot-"));
    assert.ok(parts.length >= 5, String(parts.length));
    const { events, problems: told, summary } = await at.decoded();
    assert.deepEqual(
      events,
      packets.flatMap(({ events: own }, index) => (index === 20 ? [] : own)),
    );
    const lost = 7 + 14 + 21 + 28 + 35;
    assert.deepEqual(
      [told, summary.lostOnDevice, summary.lostInTransit, summary.missingPackets],
      [["W_LOST_IN_TRANSIT"], lost, 1, 1],
    );
    let discarded = 0;
    for (const part of parts) {
      const { events: seen, notices, complaints } = babeltrace(join(at.dir, "a", part));
      assert.deepEqual(complaints, []);
      assert.ok(seen.every(({ fields }) => fields.msgType === "getStatus"));
      for (const notice of notices) discarded += Number(/discarded (\d+) event/.exec(notice)?.[1] ?? 0);
    }
    assert.equal(discarded, lost);
    assert.equal(babeltrace(at.dir).events.length, events.length);
  });

  it("begins a part with the token packets as they came: packets of one number are the same, none is warned of", async () => {
    const random = randomIntegers(seedFor(17));
    const base = at.dir;
    for (const round of campaign("captures in parts", 200, 20)) {
      at.dir = join(base, String(round));
      const all = at.collector({ rotateBytes: 1 + random(1500) });
      const source = new PacketSource({ bootId: 7 });
      const entries: [number, string][] = [];
      const events: unknown[] = [];
      const send = ({ bytes, events: own }: BuiltPacket) => {
        all.packet("a", bytes, T0);
        events.push(...own);
      };
      for (let step = 0; step < 40; step++) {
        if (random(3) === 0) {
          const token = entries.length + 1;
          entries.push([token, `type ${token}`]);
          send(source.tokens(entries.slice(-1)));
        } else if (random(12) === 0 && entries.length > 0) {
          // All of them again, in one packet or in two.
          const half = random(2) * (entries.length >> 1);
          if (half > 0) send(source.tokens(entries.slice(0, half)));
          send(source.tokens(entries.slice(half)));
        } else send(source.data([{ event: "msg.send", time: step, token: random(entries.length + 1) }]));
      }
      all.close();
      assert.deepEqual(at.codes(), []);
      const { events: read, problems: told, summary } = await at.decoded();
      assert.deepEqual([read, told, summary.missingPackets], [events, [], 0]);
      const packets = new Map<number, string>();
      for (const { path } of listBoots(join(at.dir, "a"))) {
        const part = await at.decoded(path);
        assert.deepEqual([part.problems.filter((code) => code !== "W_LATE"), part.summary.unnamedTokens], [[], 0]);
        const tokens = existsSync(join(path, TOKENS_FILE)) ? readFileSync(join(path, TOKENS_FILE)) : Buffer.alloc(0);
        for (let at = 0; at < tokens.length; at += tokens.readUInt32LE(at + 44) / 8) {
          const number = Number(tokens.readBigUInt64LE(at + 56));
          const bytes = tokens.toString("hex", at, at + tokens.readUInt32LE(at + 44) / 8);
          assert.equal(bytes, packets.get(number) ?? bytes, `token packet ${number}`);
          packets.set(number, bytes);
        }
      }
    }
  });

  it("warns of nothing in a rotated capture of an emitter whose types come one after the other", async () => {
    const all = at.collector({ rotateBytes: 1 });
    const { telemetry, reader } = emitter();
    const connection = telemetry.connect(1);
    for (const type of ["a", "b", "c"]) {
      connection.received(telemetry.messageType(type));
      for (const packet of drain(reader)) all.packet(undefined, packet, T0);
    }
    all.close();
    const { events, problems: told } = await at.decoded();
    assert.deepEqual(
      events.slice(1).map((event) => (event as { msgType: string }).msgType),
      ["a", "b", "c"],
    );
    assert.deepEqual(told, []);
  });

  it("holds no more of token packets than their names are worth", () => {
    const all = new CaptureWriter(at.dir, { registry, rotateBytes: 1 });
    const source = new PacketSource({ bootId: 7 });
    const same = Array.from({ length: 5000 }, (): [number, string] => [1, "a"]);
    for (let token = 2; token < 100; token++) all.write(source.tokens([...same, [token, "b"]]).bytes);
    // 98 packets of 25 KB: each has a different name, none may be dropped in favour of another.
    assert.ok(all.names < 99 + (99 * 4 * 105 + 16384) / 128, String(all.names));
    const part = join(at.dir, listBoots(at.dir).at(-1)!.path.split("/").at(-1)!, TOKENS_FILE);
    assert.ok(readFileSync(part).length < 99 * 4 * 105 + 16384 + 26_000);
    all.close();
  });

  it("gives up the oldest parts, says how many events that were, and names tokens in what is left", async () => {
    const all = at.collector({ rotateBytes: 1000, keepParts: 2 });
    const packets = plain(40);
    for (const [index, { bytes }] of packets.entries()) all.packet("a", bytes, T0 + index);
    for (let line = 0; line < 100; line++) all.text("a", `line ${line} ${"x".repeat(50)}`, T0);
    all.close();
    const names = readdirSync(join(at.dir, "a")).filter((name) => !name.startsWith("."));
    assert.equal(names.filter((name) => name.startsWith("boot-")).length, 2);
    assert.ok(names.filter((name) => name.startsWith("log")).length <= 2);
    const { events, summary } = await at.decoded();
    const { givenUp } = all.counters();
    assert.equal(events.length + givenUp, 40);
    assert.deepEqual([summary.beforeFirstPacket, summary.unnamedTokens], [givenUp, 0]);
    assert.ok(at.codes().every((code) => code === "W_GIVEN_UP"));
    const told = at.problems.reduce((sum, { message }) => sum + Number(/^(\d+) events/.exec(message)![1]), 0);
    assert.equal(told, givenUp);
  });

  it("goes on where somebody has deleted its oldest parts", async () => {
    const all = at.collector({ rotateBytes: 1000, keepParts: 2 });
    const packets = plain(40);
    const parts = () => readdirSync(join(at.dir, "a")).filter((name) => name.startsWith("boot-"));
    for (const [index, { bytes }] of packets.entries()) {
      all.packet("a", bytes, T0 + index);
      if (index === 15) rmSync(join(at.dir, "a", parts()[0]!), { recursive: true });
    }
    all.close();
    assert.deepEqual([parts().length, (await at.decoded()).problems], [2, ["W_LATE"]]);
  });

  it("writes names that keep coming without writing all of them again for each", () => {
    const all = at.collector();
    const source = new PacketSource({ bootId: 7 });
    const { writeFileSync: write } = fs;
    let bytes = 0;
    fs.writeFileSync = ((path: string, content: string, options: object) => {
      bytes += content.length;
      write(path, content, options);
    }) as unknown as typeof write;
    try {
      for (let token = 1; token <= 3000; token++) {
        all.packet("a", source.tokens([[token, `type-${token}`]]).bytes, T0);
        all.packet("a", source.data([{ event: "msg.send", time: token, token }]).bytes, T0);
      }
      all.close();
    } finally {
      fs.writeFileSync = write;
    }
    const { size } = fs.statSync(join(at.dir, "a", "boot-0001-00000000000007", "metadata"));
    assert.ok(bytes < 40 * size, `${bytes} bytes for ${size}`);
    assert.ok(babeltrace(at.dir).events.every(({ fields }) => String(fields.msgType).startsWith("type-")));
  });
});
