// A store's flash as a file and as an image: what the device stores and the computer reads.
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlashStore } from "xs-telemetry/flash";
import { openFileFlash, readFlashImage } from "xs-telemetry/host";
import { random } from "../support/assert.ts";
import { NorFlash } from "../support/dying-flash.ts";
import { drain, idOf, packetOf } from "../support/flash-scenario.ts";

const put = (store: FlashStore, id: number, byteLength = 40) => store.write(packetOf(id, byteLength), byteLength);
const idsOf = (packets: readonly Uint8Array[]) => packets.map(idOf);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A store that has wrapped, with its newest block in the middle of the flash. */
function goneRound() {
  const flash = new NorFlash({ blockLength: 1024, blocks: 4 });
  const store = new FlashStore({ flash, maxPacketBytes: 600 });
  for (let id = 1; id <= 60; id++) put(store, id, id % 7 === 0 ? 600 : 30);
  return { flash, store };
}

describe("an image of a flash store", () => {
  it("gives all packets from the oldest to the newest, those taken on the device, too", () => {
    const { flash, store } = goneRound();
    const before = idsOf(readFlashImage(flash.bytes).packets);
    deepEqual(before, range(before[0]!, 60));
    deepEqual(before, drain(store));
    const { packets, problems, blocks } = readFlashImage(flash.bytes);
    deepEqual([idsOf(packets), problems, blocks], [before, [], 4]);
  });

  it("may have something else before it, be cut, or be damaged: intact parts are found, damage is reported with its place", () => {
    const { flash } = goneRound();
    const all = idsOf(readFlashImage(flash.bytes).packets);
    const shifted = new Uint8Array(4096 + flash.bytes.length).fill(0x41);
    shifted.set(flash.bytes, 4096);
    deepEqual(idsOf(readFlashImage(shifted).packets), all);
    const cut = readFlashImage(flash.bytes.subarray(0, 2000));
    ok(cut.blocks === 2 && idsOf(cut.packets).every((id) => all.includes(id)));
    flash.bytes[60]! ^= 0x40;
    const damaged = readFlashImage(flash.bytes);
    equal(damaged.packets.length, all.length - 1);
    deepEqual(
      damaged.problems.map(({ code, offsetBytes }) => [code, offsetBytes! < 60 && offsetBytes! >= 28]),
      [["E_FRAME", true]],
    );
  });

  it("may be anything: random bytes, and images with random changes, give intact packets or none", () => {
    const seed = 21;
    const chance = random(seed);
    for (let round = 0; round < 300; round++) {
      const { bytes } = goneRound().flash;
      for (let changes = chance.below(200); changes > 0; changes--)
        bytes[chance.below(bytes.length)] = chance.pick([0, 0xff, 0xc1, chance.below(256)]);
      for (const packet of readFlashImage(bytes).packets) idOf(packet);
      for (let at = 0; at < bytes.length; at++) bytes[at] = chance.below(256);
      deepEqual(readFlashImage(bytes), { packets: [], problems: [], blocks: 0 }, `seed ${seed}`);
    }
  });
});

describe("a file as flash", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("keeps what a store took from one run to the next, has one size, and is an image", () => {
    const path = join(folder, "store");
    let last = 0;
    for (let run = 0; run < 5; run++) {
      const flash = openFileFlash(path, { blocks: 4, blockBytes: 1024, sync: false });
      const store = new FlashStore({ flash, maxPacketBytes: 256 });
      for (let count = 0; count < 30; count++) put(store, ++last);
      flash.close();
      equal(statSync(path).size, 4096);
    }
    const ids = idsOf(readFlashImage(readFileSync(path)).packets);
    deepEqual(ids, range(ids[0]!, last));
    ok(ids.length > 50);
    const flash = openFileFlash(path, { blocks: 4, blockBytes: 1024 });
    deepEqual(drain(new FlashStore({ flash, maxPacketBytes: 256 })), ids);
    flash.close();
  });

  it("takes over a file of anything, and throws what the file system throws", () => {
    const path = join(folder, "store");
    writeFileSync(path, "something else ".repeat(1000));
    const flash = openFileFlash(path, { blocks: 2 });
    const store = new FlashStore({ flash });
    put(store, 1);
    deepEqual(drain(store), [1]);
    flash.close();
    throws(() => put(store, 2), /could not be written/);
    throws(() => openFileFlash(folder, { blocks: 2 }), { code: "EISDIR" });
  });

  it("leaves alone, once closed, the file that has its descriptor next", () => {
    const flash = openFileFlash(join(folder, "store"), { blocks: 2 });
    flash.close();
    const path = join(folder, "other");
    const fd = openSync(path, "w+");
    throws(() => flash.write(Uint8Array.of(1), 0), /store is closed/);
    flash.close();
    equal(statSync(path).size, 0);
    closeSync(fd); // it is still open
  });
});
