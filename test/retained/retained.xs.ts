// A ring that outlives a reset, inside XS: the natives as in manifests/retained.json. A reset means that nobody holds the memory any more.
import { flip, forget, reset } from "reset";
import { type Reader, Reason, Telemetry, type TelemetryOptions } from "xs-telemetry";
import { deepEqual, equal, ok } from "../support/assert.ts";
import { recordsOf } from "./packets.ts";

const clock = { ms: 0, now: () => clock.ms };

function boot(bootId: number, options: Partial<TelemetryOptions> = {}): Telemetry {
  reset();
  clock.ms = 0;
  return new Telemetry({ capacityBytes: 1024, bootId, clock, retained: true, ...options });
}

function drain(reader: Reader, bytes = 4096): Uint8Array[] {
  const buffer = new Uint8Array(bytes);
  const packets: Uint8Array[] = [];
  for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
    packets.push(buffer.slice(0, length));
  return packets;
}

/** Each packet as `boot:stream number firstEventSeq discarded [types]`. */
const shown = (packets: readonly Uint8Array[]) => packets.map(recordsOf);

describe("a ring that outlives a reset", () => {
  it("gives the last boot's records first, under its own id and numbers, names of types with them", () => {
    forget();
    let telemetry = boot(7);
    const type = telemetry.messageType("getStatus");
    const connection = telemetry.connect(4, "192.168.0.25");
    connection.connected();
    const first = telemetry.reader();
    deepEqual(shown(drain(first)), ["7:1 1 getStatus", "7:0 1 0 0 _boot 0/1/0/0,24,3"]);
    clock.ms = 5;
    connection.received(type, "hello");
    connection.rejected(Reason.rateLimit, type);
    telemetry = boot(8);
    telemetry.connect(1);
    const reader = telemetry.reader();
    deepEqual(shown(drain(reader)), [
      "7:1 2 getStatus",
      "7:0 2 2 0 12,5",
      "8:1 1 getStatus",
      "8:0 1 0 0 _boot 0/0/2/0,1",
    ]);
    const { emitted, drained, overwritten, discarded, pending } = telemetry.counters();
    deepEqual([emitted, drained, overwritten, discarded, pending], [1, 1, 0, 0, 0]);
    telemetry = boot(9);
    deepEqual(shown(drain(telemetry.reader())), ["9:0 1 0 0 _boot 0/0/0/0"]);
  });

  it("gives a packet again, byte for byte, that may not have been taken; with the next call it was", () => {
    forget();
    let telemetry = boot(1);
    const buffer = new Uint8Array(4096);
    const reader = telemetry.reader();
    telemetry.connect(1).connected();
    const bytes = reader.next(buffer);
    const given = buffer.slice(0, bytes);
    telemetry.connect(2);
    telemetry = boot(2);
    const packets = drain(telemetry.reader());
    deepEqual([...packets[0]!], [...given]);
    deepEqual(shown(packets), ["1:0 1 0 0 _boot 0/1/0/0,1,3", "1:0 2 2 0 1", "2:0 1 0 0 _boot 0/0/3/0"]);
  });

  it("keeps several boots, and says how many events it gave up of a fifth", () => {
    forget();
    for (let id = 1; id <= 5; id++) boot(id).connect(id).connected();
    const packets = shown(drain(boot(6).reader()));
    deepEqual(packets, [
      "3:0 1 0 0 _boot 0/0/4/0,1,3",
      "4:0 1 0 0 _boot 0/0/6/0,1,3",
      "5:0 1 0 0 _boot 0/0/6/2,1,3",
      "6:0 1 0 0 _boot 0/0/6/2",
    ]);
  });

  it("lets a full ring overwrite the oldest boot first", () => {
    forget();
    let telemetry = boot(1);
    for (let count = 0; count < 60; count++) telemetry.connect(count);
    telemetry = boot(2);
    const connection = telemetry.connect(1);
    for (let count = 0; count < 20; count++) connection.connected();
    const packets = shown(drain(telemetry.reader(), 256));
    equal(packets[0]!.slice(0, 12), "1:0 1 18 18 ");
    const events = packets
      .join(",")
      .split(",")
      .filter((part) => !part.includes("_boot"));
    equal(events.length, 60 - 18 + 21);
  });

  it("reports under discard what was refused, after the last record; and its own beginning when there is room", () => {
    forget();
    let telemetry = boot(1, { policy: "discard" });
    for (let count = 0; count < 70; count++) telemetry.connect(count);
    telemetry = boot(2, { policy: "discard" });
    telemetry.connect(1);
    equal(telemetry.counters().discarded, 1);
    const packets = shown(drain(telemetry.reader()));
    const ones = Array.from({ length: 63 }, () => "1").join();
    deepEqual(packets, [`1:0 1 0 0 _boot 0/1/0/0,${ones}`, "1:0 2 63 7 _lost 7", "2:0 1 0 1 _boot 0/0/63/0,_lost 1"]);
  });

  it("stays frozen, for as many events as were left, until what it keeps has been read", () => {
    forget();
    let telemetry = boot(1);
    const fill = (count: number) => {
      for (let id = 1; id <= count; id++) telemetry.connect(id);
    };
    fill(100);
    telemetry.freeze(5);
    fill(2);
    telemetry = boot(2);
    fill(10); // 3 of them are of the incident
    equal(telemetry.counters().discarded, 7);
    telemetry = boot(3);
    fill(10);
    equal(telemetry.counters().discarded, 10);
    const reader = telemetry.reader();
    const packets = shown(drain(reader));
    const ones = (count: number) => Array.from({ length: count }, () => "1").join();
    // 64 slots: the content when it was frozen, and two more events; four of the old ones made room for the second boot's record and three events.
    deepEqual(packets, [
      `1:0 1 42 42 ${ones(21)}`, // to the memory's end
      `1:0 2 63 42 ${ones(39)}`,
      `2:0 1 0 0 _boot 0/0/64/0,${ones(3)}`,
      "2:0 2 3 7 _lost 7",
      "3:0 1 0 10 _boot 0/0/63/0,_lost 10",
    ]);
    fill(1);
    equal(telemetry.counters().discarded, 10, "it records again");
    telemetry.freeze(1);
    fill(3);
    equal(telemetry.counters().discarded, 12, "and may be frozen again");
  });

  it("stays frozen until it is thawed, too, by whichever boot", () => {
    forget();
    let telemetry = boot(1);
    telemetry.connect(1);
    telemetry.freeze(0);
    telemetry = boot(2);
    telemetry.connect(2);
    telemetry.freeze(100); // changes nothing before thaw()
    telemetry.connect(3);
    equal(telemetry.counters().discarded, 2);
    telemetry.thaw();
    telemetry.connect(4);
    telemetry = boot(3);
    telemetry.connect(5);
    equal(telemetry.counters().discarded, 0);
    deepEqual(shown(drain(telemetry.reader())), [
      "1:0 1 0 0 _boot 0/1/0/0,1",
      "2:0 1 0 2 _boot 0/0/1/0,_lost 2,1",
      "3:0 1 0 0 _boot 0/0/2/0,1",
    ]);
    telemetry.freeze(0);
    telemetry = boot(4);
    telemetry.connect(6);
    equal(telemetry.counters().discarded, 0, "nothing of the boots before is left to be kept");
  });

  it("keeps through a crash loop what it was frozen for, and gives up the last boot instead", () => {
    forget();
    for (const id of [1, 2, 3]) boot(id).connect(id);
    let telemetry = boot(4);
    telemetry.connect(4);
    telemetry.freeze(1);
    telemetry.connect(4);
    for (let id = 5; id < 40; id++) {
      telemetry = boot(id);
      for (let count = 0; count < 3; count++) telemetry.connect(id);
    }
    equal(telemetry.counters().discarded, 3);
    telemetry = boot(40);
    deepEqual(shown(drain(telemetry.reader())), [
      "2:0 1 0 0 _boot 0/0/1/0,1",
      "3:0 1 0 0 _boot 0/0/2/0,1",
      "4:0 1 0 0 _boot 0/0/3/0,1,1",
      "40:0 1 0 0 _boot 0/0/4/0",
    ]);
  });

  it("begins with full limits, and no longer reports messages beyond them that no record had reported", () => {
    forget();
    const limits = { messagesPerSecond: 1, burst: 2 };
    let telemetry = boot(1, { limits });
    let connection = telemetry.connect(1);
    for (let count = 0; count < 5; count++) connection.sent(0);
    connection.disconnected(); // reports three
    for (let count = 0; count < 5; count++) connection.sent(0);
    telemetry = boot(2, { limits });
    connection = telemetry.connect(2);
    for (let count = 0; count < 3; count++) connection.sent(0);
    equal(telemetry.counters().suppressed, 1);
    deepEqual(shown(drain(telemetry.reader())), [
      "1:0 1 0 0 _boot 0/1/0/0,1,7,7,_suppressed 3,4",
      "2:0 1 0 0 _boot 0/0/4/0,1,7,7,_suppressed 1",
    ]);
  });

  it("is believed only as a whole: another capacity is another layout, a changed bit is damage, power off is neither", () => {
    const fate = () =>
      shown(drain(boot(9).reader()))
        .at(-1)!
        .split(" ")
        .at(-1)!
        .split("/")[1];
    const filled = () => {
      forget();
      boot(1).connect(1, "::1");
    };
    filled();
    equal(fate(), "0");
    filled();
    reset();
    const other = new Telemetry({ capacityBytes: 512, bootId: 2, clock, retained: true });
    equal(shown(drain(other.reader()))[0]!.split("/")[1], "2");
    forget();
    equal(fate(), "1");
    filled();
    flip(32 + 8 * 24);
    equal(fate(), "3");
    // The frozen state is at byte 80: from which event on, by whom, and the checksum, which is 0 if it is not frozen.
    for (const [isFrozen, at] of [
      [true, 80],
      [true, 88],
      [true, 92],
      [false, 92],
    ] as const) {
      forget();
      const telemetry = boot(1);
      telemetry.connect(1);
      if (isFrozen) telemetry.freeze(5);
      flip(8 * at + 3);
      equal(fate(), "3", `${isFrozen} ${at}`);
    }
  });

  it("refuses a second one, and more than the memory holds", () => {
    forget();
    const first = boot(1);
    const failing = (options: TelemetryOptions) => {
      try {
        new Telemetry(options);
      } catch (error) {
        return String(error);
      }
      return "";
    };
    const refused = failing({ capacityBytes: 256, retained: true });
    ok(
      /^RangeError: (NativeRing: )?retained: another emitter has the memory that outlives a reset$/.test(refused),
      refused,
    );
    const small = failing({ capacityBytes: 16_384, retained: true });
    ok(
      /^RangeError: (NativeRing: )?capacityBytes: of memory that outlives a reset there are 8192 bytes, \d+ are needed$/.test(
        small,
      ),
      small,
    );
    equal(first.counters().emitted, 0);
    const told = new Telemetry({ capacityBytes: 256, bootId: 3, clock, retained: false });
    deepEqual(shown(drain(told.reader())), ["3:0 1 0 0 _boot 0/4/0/0"]);
  });
});
