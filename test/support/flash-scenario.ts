// A flash store at work, watched by a plain model, and power lost at each of its writes.
import type { FlashStore } from "xs-telemetry/flash";
import { equal, ok, type random } from "./assert.ts";
import { type Cut, type NorFlash, type Operation, remainsOf } from "./dying-flash.ts";

type Store = new (options: { flash: NorFlash; maxPacketBytes?: number }) => FlashStore;

/** A packet that is distinct from all others: magic, number, and bytes with zeros, runs without any, and 0xFF. */
export function packetOf(id: number, byteLength: number): Uint8Array {
  const packet = new Uint8Array(byteLength);
  for (let index = 0; index < byteLength; index++) {
    const mixed = Math.imul(id * 2654435761 + (id % 5 === 0 ? 0 : index), 2246822519) >>> 24;
    packet[index] = id % 3 === 0 ? mixed : id % 3 === 1 ? mixed | 1 : mixed & (index & 32 ? 0xff : 0);
  }
  packet.set([0xc1, 0x1f, 0xfc, 0xc1, id & 0xff, (id >> 8) & 0xff, byteLength & 0xff, byteLength >> 8]);
  return packet;
}

/** The packet's number; fails unless it is exactly the packet with that number. */
export function idOf(packet: Uint8Array): number {
  const id = packet[4]! | (packet[5]! << 8);
  const expected = packetOf(id, packet[6]! | (packet[7]! << 8));
  let same = expected.length === packet.length;
  for (let index = 0; index < packet.length; index++) same &&= expected[index] === packet[index];
  ok(same, `what should be packet ${id} is damaged`);
  return id;
}

/** Numbers of all packets that wait. */
export function drain(store: FlashStore): number[] {
  const ids: number[] = [];
  const buffer = new Uint8Array(store.maxPacketBytes);
  for (let length = store.next(buffer); length > 0; length = store.next(buffer))
    ids.push(idOf(buffer.slice(0, length)));
  return ids;
}

interface Kept {
  readonly id: number;
  /** The store's block, by where it was written. */
  block: number;
  /** write() has returned true. */
  isStored: boolean;
  isGiven: boolean;
}

/** What must be in the flash, and what may be, derived only from the operations that the flash has seen. */
class Model {
  kept: Kept[] = [];
  lost: number[] = [];
  readonly #blockBytes: number;
  #begins = -1;
  #marks = -1;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  /** Before the operation. Returns the packets that a power loss in the middle of it may or may not leave. */
  see(operation: Operation): Kept[] {
    const block = Math.floor(operation.at / this.#blockBytes);
    const isZeros = operation.kind === "write" && operation.bytes.every((byte) => byte === 0);
    const isBegin = operation.at === block * this.#blockBytes;
    if (isZeros && isBegin) this.#begins = block;
    if (isZeros && !isBegin) this.#marks = block;
    return this.kept.filter(
      (packet) => !packet.isStored || packet.block === this.#begins || packet.block === this.#marks,
    );
  }

  /** The effect of the last operations, now that they are done. */
  settle(): void {
    for (const { id, isGiven, isStored, block } of this.kept)
      if (block === this.#begins && isStored && !isGiven) this.lost.push(id);
    this.kept = this.kept.filter(
      ({ block, isStored }) => !isStored || (block !== this.#begins && block !== this.#marks),
    );
    this.#begins = this.#marks = -1;
  }
}

export interface Scenario {
  readonly flash: NorFlash;
  readonly maxPacketBytes: number;
  /** Of the store. */
  readonly blockBytes: number;
  readonly packets: number;
  readonly chance: ReturnType<typeof random>;
  /** How often of 10 something is read after a write. */
  readonly readsOf10: number;
  /** Where to lose power in an operation. */
  readonly cuts: (operation: Operation) => Cut[];
  readonly seed: number;
  readonly isMarginal?: boolean;
  readonly isUnreadable?: boolean;
  /** Also loses power once in the first writes after each reboot. */
  readonly isDouble?: boolean;
}

/** Runs the scenario; at each cut checks how a new store reads the remains. Returns how many cuts there were. */
export function runScenario(FlashStore: Store, scenario: Scenario): number {
  const { flash, maxPacketBytes, chance, packets, cuts, readsOf10, seed, isMarginal, isUnreadable, isDouble } =
    scenario;
  const model = new Model(scenario.blockBytes);
  let cutCount = 0;
  let failed: Error | undefined;
  flash.onOperation = (operation) => {
    model.settle();
    const loose = model.see(operation);
    const mayBe = model.kept.map(({ id }) => id);
    const mustBe = model.kept.filter((packet) => !loose.includes(packet)).map(({ id }) => id);
    for (const cut of cuts(operation)) {
      cutCount++;
      const remains = remainsOf(flash, operation, cut, seed + cutCount, isMarginal, isUnreadable);
      try {
        checkRemains(FlashStore, remains, maxPacketBytes, mustBe, mayBe, seed + cutCount, isDouble === true);
      } catch (error) {
        const { kind, at } = operation;
        // If it were thrown here, the store would treat it as a failure of the flash.
        failed ??= new Error(`seed ${seed}, cut ${cutCount} (${kind} at ${at}, ${cut}): ${(error as Error).message}`);
      }
    }
    const inFlight = model.kept.at(-1);
    if (inFlight && !inFlight.isStored) inFlight.block = Math.floor(operation.at / scenario.blockBytes);
  };
  const store = new FlashStore({ flash, maxPacketBytes });
  const buffer = new Uint8Array(maxPacketBytes);
  const given: number[] = [];
  const read = () => {
    const length = store.next(buffer);
    if (length === 0) return false;
    const id = idOf(buffer.slice(0, length));
    given.push(id);
    const packet = model.kept.find((candidate) => candidate.id === id);
    if (packet) packet.isGiven = true;
    return true;
  };
  for (let id = 1; id <= packets; id++) {
    const byteLength = 8 + chance.below(chance.below(4) === 0 ? maxPacketBytes - 7 : 40);
    const packet: Kept = { id, block: -1, isStored: false, isGiven: false };
    model.kept.push(packet);
    equal(store.write(packetOf(id, byteLength), byteLength), true, "write");
    packet.isStored = true;
    if (failed) throw failed;
    if (chance.below(10) < readsOf10) for (let reads = chance.below(4); reads > 0; reads--) read();
  }
  while (read());
  if (failed) throw failed;
  model.settle();
  flash.onOperation = undefined;
  const all = [...given, ...model.lost].sort((left, right) => left - right);
  equal(all.join(), Array.from({ length: packets }, (_, index) => index + 1).join(), `seed ${seed}: given and lost`);
  ok(ascend(given), `seed ${seed}: given in order, ${given.join()}`);
  return cutCount;
}

function ascend(ids: number[]): boolean {
  return ids.every((id, index) => index === 0 || ids[index - 1]! < id);
}

/** A new store over the remains: has what it must, in order, nothing it may not, and continues. */
function checkRemains(
  FlashStore: Store,
  remains: NorFlash,
  maxPacketBytes: number,
  mustBe: number[],
  mayBe: number[],
  readSeed: number,
  isDouble: boolean,
): void {
  // Reading marks blocks: it runs on a copy, so that the next write meets the remains as they were left.
  let copySeed = readSeed ^ 0x5eed;
  const copy = () => remainsOf(remains, { kind: "write", at: 0, bytes: new Uint8Array() }, "whole", ++copySeed);
  const found = drain(new FlashStore({ flash: copy(), maxPacketBytes }));
  ok(ascend(found), `in order: ${found.join()}`);
  const missing = mustBe.filter((id) => !found.includes(id));
  ok(missing.length === 0, `lost ${missing.join()} of ${mustBe.join()}, has ${found.join()}`);
  const forged = found.filter((id) => !mayBe.includes(id));
  ok(forged.length === 0, `has ${forged.join()}, which ${mayBe.join()} does not hold`);
  const store = new FlashStore({ flash: remains, maxPacketBytes });
  const fresh = [60_001, 60_002, 60_003];
  let operations = 0;
  let failed: unknown;
  if (isDouble) {
    const target = readSeed % 7;
    remains.onOperation = (operation) => {
      if (operations++ !== target) return;
      const cut: Cut = operation.kind === "erase" ? "pages" : readSeed % operation.bytes.length;
      const twice = remainsOf(remains, operation, cut, readSeed, true, remains.unreadable.size > 0);
      try {
        const ids = drain(new FlashStore({ flash: twice, maxPacketBytes }));
        ok(ascend(ids), `after a second loss, in order: ${ids.join()}`);
        // One more block may have been given up: the oldest of those that must be there.
        const newest = mustBe.filter((id) => ids.includes(id));
        equal(newest.join(), mustBe.slice(mustBe.length - newest.length).join(), "after a second loss: the newest");
        for (const id of ids) ok(mayBe.includes(id) || fresh.includes(id), `after a second loss: forged ${id}`);
      } catch (error) {
        failed = error; // if thrown here, the store would treat it as a failure of the flash
      }
    };
  }
  for (const id of fresh) equal(store.write(packetOf(id, 20), 20), true, "write after power loss");
  remains.onOperation = undefined;
  if (failed) throw failed;
  const reopened = drain(new FlashStore({ flash: copy(), maxPacketBytes }));
  equal(reopened.slice(-fresh.length).join(), fresh.join(), "what was written after power loss, after another reboot");
  const ids = drain(store);
  equal(ids.slice(-fresh.length).join(), fresh.join(), "what was written after power loss");
}
