// What the collector leaves on a full disk, after the end of its process, and beside others that write or read.
import assert from "node:assert/strict";
import fs, { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { ctfMetadata } from "../../host/capture/ctf-metadata.ts";
import { listCaptures } from "../../host/capture/folder.ts";
import type { DecodeItem } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { TelemetryError } from "../../host/text/errors.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { Collecting, plain, T0 } from "../support/collecting.ts";
import { PacketSource, randomIntegers } from "../support/packets.ts";

describe("collecting packets of devices", () => {
  const at = new Collecting();

  it("reads what several processes captured of one device as one stream, what several got only once", async () => {
    const packets = [...plain(60), ...plain(10, { bootId: 9 })];
    const random = randomIntegers(11);
    const taken: number[][] = [[], [], []];
    for (let index = 0; index < packets.length; index++) {
      taken[random(3)]!.push(index);
      if (random(4) === 0) taken[random(3)]!.push(index);
    }
    const base = at.dir;
    for (const [process, indexes] of taken.entries()) {
      at.dir = join(base, `process-${process}`);
      const all = at.collector(process === 1 ? { rotateBytes: 700 } : {});
      for (const index of new Set(indexes)) all.packet("dev/1", packets[index]!.bytes, T0);
      all.packet(`own-${process}`, plain(1)[1]!.bytes, T0);
      all.close();
    }
    const { events, problems: told, summary } = await at.decoded(base);
    const own = plain(1)[1]!.events.map((event) => ({ ...event, msgType: "" }));
    assert.deepEqual(events, [...packets.flatMap((packet) => packet.events), ...own, ...own, ...own]);
    assert.deepEqual(
      [told, summary.lostInTransit, summary.missingPackets, summary.boots],
      [["W_UNNAMED", "W_UNNAMED", "W_UNNAMED"], 0, 0, 5],
    );
  });

  it("finds nothing wrong with a folder of which another one has every packet", async () => {
    const packets = plain(5);
    for (const name of ["1", "2"]) {
      const all = new Collector(join(at.dir, name), { registry });
      for (const { bytes } of name === "1" ? packets : packets.slice(0, 3)) all.packet("a", bytes, T0);
      all.close();
    }
    const { events, problems: told, summary } = await at.decoded();
    assert.deepEqual([events.length, told, summary.repeated], [5, [], 3]);
  });

  it("takes from another folder what a packet has lost with its last bytes, and continues after it in both", async () => {
    const packets = plain(8);
    for (const name of ["1", "2"]) {
      const all = new Collector(join(at.dir, name), { registry });
      for (const { bytes } of packets) all.packet("a", bytes, T0);
      all.close();
    }
    const [boot] = listCaptures(join(at.dir, "1"))[0]!.boots;
    const path = join(boot!.path, "stream");
    const file = readFileSync(path);
    const cut = packets.filter(({ kind }) => kind === "data")[3]!.bytes;
    const end = file.indexOf(cut) + cut.length;
    for (const lost of [1, 4, 8, 16]) {
      writeFileSync(path, Buffer.concat([file.subarray(0, end - lost), file.subarray(end)]));
      const { events, problems: told } = await at.decoded();
      assert.deepEqual(
        events,
        packets.flatMap((packet) => packet.events),
        `${lost} bytes lost`,
      );
      assert.deepEqual(told, ["E_CUT"], `${lost} bytes lost`);
    }
  });

  it("is readable after a process that ended at any step of writing", async () => {
    const packets = plain(12);
    const steps = ["openSync", "writeSync", "closeSync", "mkdirSync", "writeFileSync", "renameSync", "rmSync"] as const;
    const real = Object.fromEntries(steps.map((name) => [name, fs[name]]));
    const base = at.dir;
    for (let stop = 0, reached = true; reached; stop++) {
      at.dir = join(base, String(stop));
      let left = stop;
      reached = false;
      let taken = 0;
      try {
        const all = at.collector({ rotateBytes: 500, keepParts: 3 });
        // From here on nothing is written: what is there now is what a kill leaves.
        for (const name of steps)
          (fs as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
            if (left-- > 0) return (real[name] as (...all: unknown[]) => unknown)(...args);
            reached = true;
            throw Object.assign(new Error("killed"), { code: "EIO" });
          };
        for (const { bytes } of packets) {
          all.packet("a", bytes, T0);
          taken++;
        }
        all.close();
      } catch (error) {
        assert.equal((error as TelemetryError).code, "E_WRITE");
      } finally {
        Object.assign(fs, real);
      }
      if (listCaptures(at.dir).length === 0) continue;
      const { problems: told, events, summary } = await at.decoded();
      assert.deepEqual(
        told.filter((code) => code.startsWith("E_")),
        [],
        `stopped at step ${stop}`,
      );
      const written = packets.slice(0, taken).reduce((sum, packet) => sum + packet.events.length, 0);
      const there = events.length + summary.beforeFirstPacket;
      assert.ok(there === written || there === written + 1, `step ${stop}: ${there} of ${written}`);
      assert.deepEqual(babeltrace(at.dir).complaints, []);
    }
  }).timeout(300_000);

  it("says that the disk is full, loses nothing that was written, and ends files with a whole packet", async () => {
    const all = at.collector();
    const packets = plain(6);
    for (const { bytes } of packets.slice(0, 4)) all.packet("a", bytes, T0);
    const { writeSync } = fs;
    fs.writeSync = ((file: number, bytes: Uint8Array, at: number) => {
      writeSync(file, bytes, at, 50);
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    }) as unknown as typeof writeSync;
    try {
      assert.throws(() => all.packet("a", packets[4]!.bytes, T0), {
        code: "E_WRITE",
        exitCode: 2,
        message: /boot-0001-00000000000007.stream cannot be written: ENOSPC: its disk is full/,
      });
    } finally {
      fs.writeSync = writeSync;
    }
    all.close();
    const { events, problems: told } = await at.decoded();
    assert.deepEqual([events.length, told], [3, []]);
  });

  it("counts what it wrote: lines that the disk did not take do not count", () => {
    const all = at.collector();
    for (const device of ["a", "b"]) all.text(device, "first", T0);
    assert.deepEqual([all.counters().lines, all.counters().unwrittenLines], [0, 2]);
    all.tick(T0);
    const { writeSync } = fs;
    fs.writeSync = () => {
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    try {
      for (const device of ["a", "b"]) for (let line = 0; line < 3; line++) all.text(device, "more", T0 + 1);
      assert.throws(() => all.tick(T0 + 1), /ENOSPC/);
      assert.throws(() => all.close(), /ENOSPC/);
    } finally {
      fs.writeSync = writeSync;
    }
    const { lines, unwrittenLines } = all.counters();
    assert.deepEqual([lines, unwrittenLines], [2, 6]);
    for (const device of ["a", "b"])
      assert.match(readFileSync(join(at.dir, device, "log.txt"), "utf8"), /^\S+ first\n$/);
  });

  it("leaves no empty file where the disk is full from its first byte on", async () => {
    const all = at.collector();
    const [tokens, data] = plain(1).map(({ bytes }) => bytes);
    all.packet("a", tokens!, T0);
    const { writeSync } = fs;
    fs.writeSync = (() => {
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    }) as unknown as typeof writeSync;
    try {
      assert.throws(() => all.packet("a", data!, T0), { code: "E_WRITE" });
    } finally {
      fs.writeSync = writeSync;
    }
    all.close();
    assert.deepEqual((await at.decoded()).problems, []);
  });

  it("is decoded as far as it was when decoding began, while it goes on: no event lacks a name that came later", async () => {
    const source = new PacketSource({ bootId: 7 });
    const sends = (token: number) => source.data([{ event: "msg.send", time: 1, token }]).bytes;
    const [names, ...events] = [source.tokens([[1, "first"]]).bytes, ...Array.from({ length: 24 }, () => sends(1))];
    const metadata = ctfMetadata(registry, { bootId: 7, reader: 0, tokens: new Map([[1, "first"]]) });
    // The first part is full.
    const all = at.collector({
      rotateBytes: events.reduce((sum, { length }) => sum + length, metadata.length + names.length),
    });
    for (const bytes of [names, ...events]) all.packet("a", bytes, T0);
    const items = decodePath(at.dir, { registry, with: "none" });
    const found: DecodeItem[] = [(await items.next()).value as DecodeItem];
    all.packet("a", source.tokens([[2, "second"]]).bytes, T0);
    all.packet("a", sends(2), T0);
    for await (const item of items) found.push(item);
    all.close();
    assert.equal(readdirSync(join(at.dir, "a")).filter((name) => name.startsWith("boot-")).length, 2);
    const types = (items: readonly DecodeItem[]) =>
      items
        .flatMap((item) => (item.kind === "events" ? item.events : []))
        .map((event) => Reflect.get(event, "msgType"));
    assert.deepEqual(types(found), new Array(24).fill("first"));
    assert.equal((await at.decoded()).events.length, 25);
  });
});
