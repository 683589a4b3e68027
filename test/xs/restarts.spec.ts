// examples/restarts: what no sink had taken when an exception restarts the device is sent by the next boot; in Node and in XS.
import { Telemetry } from "xs-telemetry";
import type { PacketSource } from "xs-telemetry/drainer";
import { keepThroughRestarts } from "../../examples/restarts/keep.ts";
import { deepEqual, equal, ok } from "../support/assert.ts";
import { type PlainPacket, readPacket } from "../support/bytes.ts";
import { NorFlash } from "../support/dying-flash.ts";

const BLOCKS = { blockLength: 4096, blocks: 8 };
const buffer = () => new Uint8Array(1400);

function boot(bootId: number, flash: NorFlash) {
  const telemetry = new Telemetry({ capacityBytes: 8192, bootId, clock: { now: () => 1000 } });
  const source = keepThroughRestarts(telemetry, flash);
  let id = 0;
  const emit = (events: number) => {
    for (let count = 0; count < events; count++)
      telemetry.connect(++id).received(telemetry.messageType(`type ${id % 9}`));
  };
  /** What XS does: it calls the hook, and restarts unless that returns false. */
  const crash = () => ok(globalThis.abort?.("unhandled exception", new Error("crash")) !== false, "restarts");
  return { telemetry, source, emit, crash };
}

/** Packets that a sink takes, each as it comes. */
function sent(source: PacketSource, into = buffer()): PlainPacket[] {
  const packets: PlainPacket[] = [];
  for (let bytes = source.next(into); bytes > 0; bytes = source.next(into))
    packets.push(readPacket(into.slice(0, bytes)));
  return packets;
}

/** Numbers of the events of a boot, each once, as the computer has them: of two packets of one number it drops one. */
function events(packets: readonly PlainPacket[], bootId: number): number[] {
  const numbers: number[] = [];
  const seen = new Set<number>();
  for (const packet of packets) {
    if (packet.bootId !== bootId || packet.stream !== 0 || seen.has(packet.number)) continue;
    seen.add(packet.number);
    for (let index = 0; index < packet.records.length; index++) numbers.push(packet.firstSeq + index);
  }
  return numbers;
}

const upTo = (count: number) => {
  const numbers: number[] = [];
  for (let number = 0; number < count; number++) numbers.push(number);
  return numbers;
};

describe("a device that an unhandled exception restarts", () => {
  it("sends what was not sent, then what it records now", () => {
    const flash = new NorFlash(BLOCKS);
    const first = boot(1, flash);
    first.emit(100);
    const before = sent(first.source);
    equal(before.length > 0, true, "some was sent");
    first.emit(150);
    first.crash();
    const second = boot(2, flash);
    second.emit(3);
    const after = sent(second.source);
    deepEqual(events(before.concat(after), 1), upTo(500), "the first boot's events");
    deepEqual(events(after, 2), upTo(6), "the second's");
    const boots = after.map(({ bootId }) => bootId);
    deepEqual(boots, boots.slice().sort(), "in order");
  });

  it("sends the packet again that was with the sink, for nobody knows whether it had it", () => {
    const flash = new NorFlash(BLOCKS);
    const first = boot(1, flash);
    first.emit(200);
    const drainers = buffer();
    first.source.next(drainers); // tokens
    const bytes = first.source.next(drainers);
    const inHand = readPacket(drainers.slice(0, bytes));
    first.crash();
    const after = sent(boot(2, flash).source);
    ok(
      after.some(({ stream, number }) => stream === inHand.stream && number === inHand.number),
      "it is there",
    );
    deepEqual(events(after, 1), upTo(400), "events");
  });

  it("leaves packets that can be read by themselves: with the names of all message types", () => {
    const flash = new NorFlash(BLOCKS);
    const first = boot(1, flash);
    first.emit(50);
    sent(first.source);
    first.emit(1);
    first.crash();
    const names = sent(boot(2, flash).source).flatMap(({ tokens }) => tokens.map(({ name }) => name));
    equal(names.length, 9, "names");
  });

  it("writes nothing to flash while all goes well", () => {
    const flash = new NorFlash(BLOCKS);
    flash.onOperation = () => ok(false, "nothing is written");
    const { source, emit } = boot(1, flash);
    for (let round = 0; round < 20; round++) {
      emit(50);
      sent(source);
    }
    sent(boot(2, flash).source);
  });
});
