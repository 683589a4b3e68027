// The flash store over flash that is bad, full of garbage, small, large; in Node and in XS.
import { FlashStore, flashSink } from "xs-telemetry/flash";
import { deepEqual, equal, ok, random, throws } from "../support/assert.ts";
import { isSlow, rounds, seedFor } from "../support/campaign.ts";
import { NorFlash, type Operation } from "../support/dying-flash.ts";
import { drain, packetOf, runScenario } from "../support/flash-scenario.ts";
import { pretenders } from "../support/sinks.ts";

const put = (store: FlashStore, id: number, byteLength = 40) => store.write(packetOf(id, byteLength), byteLength);
const range = (from: number, to: number) => {
  const ids: number[] = []; // Array.from({ length }) gives XS 13 an array whose keys are all "0"
  for (let id = from; id <= to; id++) ids.push(id);
  return ids;
};
const small = () => new NorFlash({ blockLength: 512, blocks: 4 });
const open = (flash: NorFlash) => new FlashStore({ flash, maxPacketBytes: 256 });

describe("a flash store", () => {
  it("gives packets in order, before and after a reboot, and takes more", () => {
    const flash = small();
    const store = open(flash);
    for (const id of range(1, 5)) put(store, id);
    deepEqual(drain(open(flash)), range(1, 5), "after a reboot");
    put(store, 6);
    deepEqual(drain(store), range(1, 6), "without one");
    deepEqual(drain(store), [], "nothing twice");
    put(store, 7);
    deepEqual(drain(store), [7], "what came then");
    equal(JSON.stringify([store.counters().stored, store.counters().given]), "[7,7]", "counters");
  });

  it("gives up the oldest block when it is full, and says so; a reader that stood in it goes on with the next", () => {
    const flash = small();
    const store = open(flash);
    const buffer = new Uint8Array(256);
    put(store, 1);
    store.next(buffer);
    let id = 1;
    while (store.counters().blocksGivenUp === 0) put(store, ++id);
    const ids = drain(store);
    ok(ids[0]! > 2 && ids.at(-1) === id, `gives ${ids.join()}`);
    deepEqual(ids, range(ids[0]!, id), "without a gap");
    for (let more = 0; more < 100; more++) put(store, ++id);
    equal(drain(store).at(-1), id, "newest");
  });

  it("does not repeat, after a reboot, blocks that were read to their ends", () => {
    const flash = small();
    const store = open(flash);
    for (const id of range(1, 25)) put(store, id);
    drain(store);
    const again = drain(open(flash));
    ok(again.length < 9 && again.at(-1) === 25, `gives ${again.join()}`);
    equal(store.counters().blocksGivenUp, 0, "blocksGivenUp");
  });

  it("goes on in its newest block after each boot, so that many boots give nothing up", () => {
    const flash = small();
    for (const id of range(1, 20)) put(open(flash), id);
    deepEqual(drain(open(flash)), range(1, 20), "packets");
    let operations = 0;
    flash.onOperation = () => operations++;
    for (let boots = 0; boots < 10; boots++) drain(open(flash));
    ok(operations <= 3, `${operations} marks`);
  });

  it("leaves the rest of a page alone in which a write was interrupted, however much of it is seen", () => {
    for (const bytesWritten of [1, 2, 20, 46]) {
      const flash = small();
      const store = open(flash);
      put(store, 1);
      flash.onOperation = ({ at }) => equal(at, 24 + 4 + 48, "where the frame begins");
      const before = flash.bytes.slice();
      put(store, 2);
      before.set(flash.bytes.slice(76, 76 + bytesWritten), 76);
      const remains = new NorFlash(flash.options, before);
      remains.onOperation = ({ at }) => equal(at, 256, "where the next frame begins");
      const next = open(remains);
      put(next, 3);
      deepEqual(drain(next), [1, 3], `packets after ${bytesWritten} bytes`);
    }
  });

  it("erases each block once a round", () => {
    const flash = small();
    const erased = [0, 0, 0, 0];
    flash.onOperation = (operation: Operation) => {
      if (operation.kind === "erase") erased[operation.at / 512]!++;
    };
    const store = open(flash);
    for (let id = 1; id <= 200; id++) put(store, id);
    ok(Math.max(...erased) - Math.min(...erased) <= 1 && erased[0]! > 4, `erased ${erased.join()} times`);
  });

  it("starts over on garbage, on zeros, and on blocks of another size, and writes nothing until it is asked to", () => {
    const chance = random(5);
    for (const fill of [() => chance.below(256), () => 0, () => chance.pick([0, 0xff, 0xc1, 24])]) {
      const flash = small();
      for (let at = 0; at < flash.bytes.length; at++) flash.bytes[at] = fill();
      const before = flash.bytes.slice();
      deepEqual(drain(open(flash)), [], "packets");
      deepEqual(flash.bytes, before, "flash");
      const store = open(flash);
      for (const id of range(1, 20)) put(store, id);
      deepEqual(drain(store), range(1, 20), "packets");
      deepEqual(drain(new FlashStore({ flash, maxPacketBytes: 600 })), [], "blocks of two erase blocks");
    }
  });

  it("passes over damage and counts it, and never gives a damaged packet", () => {
    const chance = random(9);
    for (let round = 0; round < 20; round++) {
      const flash = small();
      const store = open(flash);
      for (const id of range(1, 20)) put(store, id);
      for (let hits = 0; hits < 3; hits++) flash.bytes[chance.below(flash.bytes.length)] = chance.below(256);
      const ids = drain(open(flash)); // fails on a damaged one
      ok(
        ids.every((id, index) => index === 0 || ids[index - 1]! < id),
        ids.join(),
      );
    }
    const flash = small();
    const store = open(flash);
    for (const id of [1, 2, 3]) put(store, id);
    flash.bytes[24 + 4 + 48 + 20]! ^= 0x40;
    deepEqual([drain(store), store.counters().damaged], [[1, 3], 1], "one damaged");
  });

  it("leaves a block that cannot be written, erased or read back, counts it, and loses no packet it has taken", () => {
    for (const how of ["write throws", "erase throws", "erase does nothing", "a byte is stuck"]) {
      const flash = new NorFlash({ blockLength: 512, blocks: 5 });
      const { write, eraseBlock } = NorFlash.prototype;
      const isBad = (at: number) => at >= 512 && at < 1024;
      flash.write = (buffer, at) => {
        if (how === "write throws" && isBad(at)) throw new Error("write failed");
        write.call(flash, buffer, at);
        if (how === "a byte is stuck" && at <= 700 && at + buffer.length > 700) flash.bytes[700] = 0;
      };
      flash.eraseBlock = (start, end) => {
        if (how === "erase throws" && start === 1) throw new Error("erase failed");
        if (how !== "erase does nothing" || start !== 1) eraseBlock.call(flash, start, end);
      };
      flash.bytes.fill(0x5a, 512, 1024);
      const store = open(flash);
      let last = 0;
      while (store.counters().blocksGivenUp === 0) put(store, ++last);
      const ids = drain(open(flash)).filter((id, index, all) => all.indexOf(id) === index);
      deepEqual(ids, range(ids[0]!, last), how);
      ok(ids.length > 20, `${how}: ${ids.length} packets`);
      ok(store.counters().failures > 0, how);
    }
  });

  it("knows what was read with writes of any size that flash may want", () => {
    const most = rounds(800, 200);
    for (const writeAlign of [4, 8, 16, 32, 64, 128, 256]) {
      const flash = new NorFlash({ blockLength: 1024, blocks: 4, writeAlign });
      const store = open(flash);
      let last = 0;
      while (store.counters().blocksGivenUp === 0 && last < most) {
        put(store, ++last);
        drain(store);
      }
      const { blocksGivenUp } = store.counters();
      const again = drain(open(flash));
      ok(blocksGivenUp === 0 && again.length < 22, `align ${writeAlign}: ${blocksGivenUp} given up, ${again.join()}`);
    }
  });

  it("throws when four blocks in a row cannot be written, and goes on when they can", () => {
    const flash = new NorFlash({ blockLength: 512, blocks: 6 });
    const store = open(flash);
    const { write } = NorFlash.prototype;
    for (const id of range(1, 30)) put(store, id);
    flash.write = () => {
      throw new Error("write failed");
    };
    for (let tries = 0; tries < 3; tries++) throws(() => put(store, 99), "Error", "4 blocks");
    drain(store);
    flash.write = (buffer, at) => write.call(flash, buffer, at);
    put(store, 31);
    deepEqual(drain(store), [31], "packets");
    deepEqual(drain(open(flash)).at(-1), 31, "after a reboot");
  });

  it("takes no packet into a block that it has given up, where no other could be begun", () => {
    const flash = new NorFlash({ blockLength: 512, blocks: 2 });
    const store = open(flash);
    for (const id of range(1, 5)) put(store, id);
    const { eraseBlock } = NorFlash.prototype;
    flash.eraseBlock = () => {
      throw new Error("erase failed");
    };
    throws(() => put(store, 11, 256), "Error", "4 blocks");
    throws(() => put(store, 12), "Error", "4 blocks");
    flash.eraseBlock = (start, end) => eraseBlock.call(flash, start, end);
    put(store, 13);
    deepEqual([drain(open(flash)), drain(store)], [[13], [13]], "packets");
  });

  it("passes over a block that it has given up and could not write to, so that packets keep their order", () => {
    const flash = small();
    const store = open(flash);
    const { write } = NorFlash.prototype;
    let last = 0;
    while (store.counters().blocksGivenUp === 0) put(store, ++last);
    let failures = 0;
    flash.write = (buffer, at) => {
      if (at < 1024 && at >= 512) {
        failures++;
        throw new Error("write failed");
      }
      write.call(flash, buffer, at);
    };
    for (let more = 0; failures === 0; more++) {
      ok(more < 20, "it comes to the block");
      put(store, ++last);
    }
    const ids = drain(open(flash));
    ok(ids.length > 20, ids.join());
    deepEqual(ids, range(ids[0]!, last), "packets");
  });

  it("reads what can be read: beside what cannot in a packet, a header, a mark", () => {
    for (const [place, damaged, missing] of [
      [24 + 4 + 96 + 20, 1, [3]],
      [24 + 4 + 48, 1, [2]],
      [24 + 4 + 47, 1, [1]],
      [24, 0, []],
      [10, 0, range(1, 10)],
    ] as const) {
      const flash = small();
      for (const id of range(1, 25)) put(open(flash), id);
      flash.unreadable.add(place);
      const store = open(flash);
      deepEqual(
        drain(store),
        range(1, 25).filter((id) => !missing.includes(id as never)),
        `packets, without byte ${place}`,
      );
      equal(store.counters().damaged, damaged, "damaged");
      ok(store.counters().failures > 0, "failures");
      let last = 25;
      while (flash.unreadable.size > 0) {
        ok(last < 60, `block with byte ${place} is erased again`);
        put(store, ++last);
      }
      deepEqual(drain(open(flash)).at(-1), last, "goes on");
    }
  });

  it("comes to an end where nothing can be read any more", () => {
    const flash = small();
    const store = open(flash);
    for (const id of range(1, 20)) put(store, id);
    for (let at = 0; at < flash.bytes.length; at++) flash.unreadable.add(at);
    deepEqual([drain(store), drain(open(flash))], [[], []], "packets");
  });

  it("does not count a block without packets as given up", () => {
    const flash = small();
    const store = open(flash);
    const { write } = NorFlash.prototype;
    flash.write = (buffer, at) => {
      if (at !== 24 + 4) write.call(flash, buffer, at);
    };
    put(store, 1);
    flash.write = (buffer, at) => write.call(flash, buffer, at);
    const next = open(flash);
    for (const id of range(2, 35)) put(next, id);
    deepEqual(drain(open(flash)), range(1, 35), "packets");
    equal(next.counters().blocksGivenUp, 0, "blocksGivenUp");
  });

  it("takes packets of any size up to maxPacketBytes, in blocks of 256 bytes to 64 K", () => {
    for (const [blockLength, blocks, maxPacketBytes, blockBytes] of [
      [256, 8, 256, 512],
      [4096, 2, 4000, 4096],
      [4096, 8, 8192, 12288],
      [65536, 2, 1400, 65536],
    ] as const) {
      const flash = new NorFlash({ blockLength, blocks });
      const store = new FlashStore({ flash, maxPacketBytes });
      equal(store.counters().blockBytes, blockBytes, "blockBytes");
      const lengths = [8, 9, 253, 254, 255, 256, maxPacketBytes - 1, maxPacketBytes];
      lengths.forEach((byteLength, index) => {
        put(store, index + 1, byteLength);
        deepEqual(drain(store), [index + 1], `${byteLength} bytes in blocks of ${blockLength}`);
      });
    }
  });

  it("refuses what cannot work, naming it", () => {
    const flash = (options: object) => ({ ...new NorFlash({ blockLength: 4096, blocks: 2 }), ...options }) as NorFlash;
    const of = (status: object, maxPacketBytes = 256) =>
      new FlashStore({ flash: flash({ status: () => ({ blockLength: 4096, blocks: 2, ...status }) }), maxPacketBytes });
    throws(() => of({ blocks: 1 }), "RangeError", "2 packets", "8192");
    throws(() => of({}, 4096), "RangeError", "4096", "16384", "has 8192");
    throws(() => of({}, 255), "RangeError", "maxPacketBytes", "255");
    throws(() => of({}, 65537), "RangeError", "maxPacketBytes", "65537");
    throws(() => of({ blockLength: 1000 }), "RangeError", "blockLength", "1000");
    throws(() => of({ writeAlign: 24 }), "RangeError", "writeAlign", "24");
    throws(() => of({ eraseValue: 0 }), "RangeError", "eraseValue", "0");
    const store = open(small());
    throws(() => put(store, 1, 257), "RangeError", "256", "257");
    throws(() => store.next(new Uint8Array(255)), "RangeError", "256", "255");
  });

  it("throws for what is no packet and no buffer, stores nothing of it, and keeps what it has", () => {
    const store = open(small());
    put(store, 1);
    for (const wrong of pretenders()) {
      throws(() => store.write(wrong as never, 200), "TypeError", "Uint8Array");
      throws(() => store.next(wrong as never), "TypeError", "Uint8Array");
    }
    throws(() => store.write(new Uint8Array(199), 200), "RangeError", "200", "199");
    deepEqual(drain(store), [1], "packets");
  });

  it("is a sink that may be closed and opened again; closed itself, it takes and gives nothing", () => {
    const store = open(small());
    const events = { onWritable() {}, onError() {} };
    const sink = flashSink(store)(events);
    equal(sink.maxPacketBytes, 256, "maxPacketBytes");
    equal(sink.write(packetOf(1, 40), 40), true, "write");
    sink.close();
    sink.close();
    equal(flashSink(store)(events).write(packetOf(2, 40), 40), true, "write");
    deepEqual(drain(store), [1, 2], "packets");
    store.close();
    store.close();
    throws(() => put(store, 3), "Error", "closed");
    deepEqual(drain(store), [], "packets of a closed store");
  });

  it("survives power loss, some hundred times", () => {
    const seed = seedFor(3);
    const cuts = runScenario(FlashStore, {
      flash: small(),
      maxPacketBytes: 256,
      blockBytes: 512,
      packets: isSlow ? 8 : 24,
      chance: random(seed),
      readsOf10: 4,
      cuts: (operation) =>
        operation.kind === "erase" ? ["pages"] : [(operation.at * 7) % operation.bytes.length, "pages"],
      seed,
      isMarginal: true,
      isDouble: true,
    });
    ok(cuts > (isSlow ? 20 : 60), `${cuts} cuts`);
  });
});
