// What a Telemetry is made of: its options, its clock, its boot id.
import { Telemetry } from "xs-telemetry";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { readPacket } from "../support/bytes.ts";
import { setUp } from "../support/connections.ts";
import { frozenBuiltins } from "../support/frozen.ts";

describe("Telemetry and Connection", () => {
  it("says which option is wrong, its value and what is allowed", () => {
    const make = (options: unknown) => () => new Telemetry(options as ConstructorParameters<typeof Telemetry>[0]);
    throws(make(undefined), "TypeError", "options", "undefined");
    throws(make(null), "TypeError", "options", "null");
    throws(make({}), "TypeError", "capacityBytes", "undefined");
    throws(make({ capacityBytes: "16k" }), "TypeError", "capacityBytes", '"16k"');
    for (const value of [Number.NaN, 0, -16, 255, 1000.5, 268435457, Number.POSITIVE_INFINITY])
      throws(make({ capacityBytes: value }), "RangeError", "capacityBytes", String(value), "256", "268435456");
    throws(make({ capacityBytes: 256, policy: "drop" }), "TypeError", "policy", '"drop"', '"overwrite"', '"discard"');
    throws(make({ capacityBytes: 256, capacity: 1 }), "TypeError", '"capacity"', "capacityBytes", "messageTypes");
    for (const value of [null, 5, {}, { now: 5 }, () => 0])
      throws(make({ capacityBytes: 256, clock: value }), "TypeError", "clock", "now()");
    throws(make({ capacityBytes: 256, clock: { now: () => "late" } }), "TypeError", "clock.now()", '"late"');
    for (const now of [Date.parse("2026-05-01T12:00:00Z"), 1e12, -(2 ** 31) - 1])
      throws(
        make({ capacityBytes: 256, clock: { now: () => now } }),
        "TypeError",
        "clock.now()",
        "ms since boot, from -2^31 to 10^12",
        String(now),
      );
    for (const now of [-(2 ** 31), 2 ** 32, 999_999_999_999]) make({ capacityBytes: 256, clock: { now: () => now } })();
    throws(make({ capacityBytes: 256, bootId: "a" }), "TypeError", "bootId", '"a"');
    for (const value of [-1, 1.5, 2 ** 53, Number.NaN])
      throws(make({ capacityBytes: 256, bootId: value }), "RangeError", "bootId", String(value));
    for (const value of [-1, 65536, 0.5])
      throws(make({ capacityBytes: 256, messageTypes: value }), "RangeError", "messageTypes", String(value));
  });

  it("uses whole slots of the capacity", () => {
    const { telemetry, drain } = setUp({ capacityBytes: 271 });
    telemetry.connect(1);
    equal(drain()[0]!.capacitySlots, 16, "slots");
  });

  it("works with the platform's clock and boot id", () => {
    const telemetry = new Telemetry({ capacityBytes: 256 });
    const reader = telemetry.reader();
    telemetry.connect(1);
    const buffer = new Uint8Array(256);
    const packet = readPacket(buffer.slice(0, reader.next(buffer)));
    ok(packet.begin >= 0 && packet.begin < 2 ** 32, `time ${packet.begin}`);
    ok(Number.isSafeInteger(packet.bootId), `boot id ${packet.bootId}`);
  });

  /** The boot id where Math.random begins alike with each start, as on Moddable's Linux targets, Pico, nRF52 and Zephyr. */
  function bootIdAt(timeOfDay: number, uptimeMs?: number): number {
    const { random } = Math;
    const { now } = Date;
    let state = 1;
    Math.random = () => {
      state = (state * 16_807) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    Date.now = () => timeOfDay;
    try {
      const telemetry = new Telemetry({
        capacityBytes: 256,
        ...(uptimeMs === undefined ? {} : { clock: { now: () => uptimeMs } }),
      });
      telemetry.connect(1);
      const buffer = new Uint8Array(256);
      const { bootId } = readPacket(buffer.slice(0, telemetry.reader().next(buffer)));
      ok(Number.isSafeInteger(bootId) && bootId >= 0, `boot id ${bootId}`);
      return bootId;
    } finally {
      Math.random = random;
      Date.now = now;
    }
  }

  it("has another boot id at another time of day, where Math.random begins alike with each boot", () => {
    if (frozenBuiltins) return frozenBuiltins;
    const start = 1_790_000_000_000;
    const ids = new Set<number>();
    for (let index = 0; index < 200; index++) {
      ids.add(bootIdAt(start + index)); // restarted at once
      ids.add(bootIdAt(start + 200 + index * 86_400_123));
      ids.add(bootIdAt(index)); // nobody has set the time: Date.now() counts from boot
    }
    equal(ids.size, 600, "ids");
    return undefined;
  });

  it("has another boot id at another reading of the clock, even if the time of day stands still", () => {
    if (frozenBuiltins) return frozenBuiltins;
    const ids = new Set<number>();
    for (let index = 0; index < 200; index++) {
      ids.add(bootIdAt(0, index));
      ids.add(bootIdAt(0, -1 - index));
    }
    equal(ids.size, 400, "ids");
    return undefined;
  });

  it("has another boot id for each Telemetry of a boot", () => {
    const ids = new Set<number>();
    for (let index = 0; index < 200; index++) {
      const telemetry = new Telemetry({ capacityBytes: 256, clock: { now: () => 5 } });
      telemetry.connect(1);
      const buffer = new Uint8Array(256);
      ids.add(readPacket(buffer.slice(0, telemetry.reader().next(buffer))).bootId);
    }
    equal(ids.size, 200, "ids");
  });

  it("takes a clock that throws or gives no number as standing still", () => {
    const answers: (() => number)[] = [
      () => 50,
      () => 60,
      () => {
        throw new Error("clock");
      },
      () => 10n as unknown as number,
      () => 40,
      () => 70.9,
      () => 80,
    ];
    let index = 0;
    const { telemetry, records } = setUp({ clock: { now: () => answers[Math.min(index++, answers.length - 1)]!() } });
    const connection = telemetry.connect(1);
    for (let count = 0; count < 4; count++) connection.connected();
    deepEqual(
      records().map(({ time }) => time),
      [60, 60, 60, 60, 70],
      "times",
    );
  });

  it("does not take a reading that is no number for a wrap of the clock", () => {
    const { clock, telemetry, records } = setUp();
    const connection = telemetry.connect(1);
    const late = 2 ** 31 + 5;
    for (const ms of [2 ** 30, 2 ** 31, late, Number.NaN, Number.POSITIVE_INFINITY, late]) {
      clock.ms = ms;
      connection.connected();
    }
    deepEqual(
      records().map(({ time }) => time),
      [1000, 2 ** 30, 2 ** 31, late, late, late, late],
      "times",
    );
  });
});
