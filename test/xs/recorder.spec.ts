// Records of another registry than the bundled one, on the same ring: what generated writers stand on.
import { Telemetry as Emitter, enabled, setEnabled as setEnabledOfEmitter } from "xs-telemetry";
import { privacy } from "xs-telemetry/privacy";
import {
  enabled as enabledOfRecorder,
  type Layout,
  Recorder,
  setEnabled,
  Telemetry,
  type TelemetryOptions,
} from "xs-telemetry/recorder";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";

const LAYOUT: Layout = { fingerprint: [1, -2, 3, -4], recordSlots: [1, 1, 2, 3] };
const PLAIN = 1;
const LONG = 2;
const TEXT = 3;

/** The records of all packets that wait, as bytes; each has the slots that LAYOUT says. */
function setUp({ capacityBytes = 4096, policy = "overwrite" as "overwrite" | "discard" } = {}) {
  const clock = { ms: 0, now: () => clock.ms };
  const recorder = new Recorder(LAYOUT, { capacityBytes, policy, clock, bootId: 1 });
  const reader = recorder.reader();
  const buffer = new Uint8Array(4096);
  const records = () => {
    const found: Uint8Array[] = [];
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer)) {
      const view = new DataView(buffer.buffer);
      deepEqual(
        [4, 8, 12, 16].map((at) => view.getInt32(at, true)),
        LAYOUT.fingerprint,
        "uuid",
      );
      if (view.getUint32(20, true) !== 0) continue; // tokens
      for (let at = 96; at < length; ) {
        const type = buffer[at + 4]!;
        const end = at + (LAYOUT.recordSlots[type] ?? 1) * 16;
        found.push(buffer.slice(at, end));
        at = end;
      }
    }
    return found;
  };
  const plain = (value: number) => {
    if (!recorder.begin()) return;
    recorder.words[1] = PLAIN;
    recorder.words[2] = value;
    recorder.words[3] = 0;
    recorder.commit(1);
  };
  return { clock, recorder, reader, records, plain };
}

const wordsOf = (record: Uint8Array) => [...new Int32Array(record.slice().buffer)];

describe("records of any registry", () => {
  it("carry the words that were stored, at the time of begin()", () => {
    const { clock, recorder, records, plain } = setUp();
    clock.ms = 5;
    plain(-7);
    clock.ms = 9;
    ok(recorder.begin(), "on");
    recorder.words[1] = LONG;
    recorder.floats[2] = 1.5;
    recorder.words[3] = 3;
    recorder.doubles[2] = -0.1;
    recorder.words[6] = 6;
    recorder.words[7] = 7;
    clock.ms = 11;
    recorder.commit(2);
    const [first, second] = records() as [Uint8Array, Uint8Array];
    deepEqual(wordsOf(first), [5, PLAIN, -7, 0], "of one slot");
    const view = new DataView(second.buffer);
    deepEqual([view.getInt32(0, true), view.getInt32(4, true), view.getInt32(12, true)], [9, LONG, 3], "ints");
    deepEqual([view.getFloat32(8, true), view.getFloat64(16, true)], [1.5, -0.1], "floats");
    deepEqual([view.getInt32(24, true), view.getInt32(28, true)], [6, 7], "the last words");
  });

  it("carry a text after the words, cut and zero-filled, whatever was there", () => {
    const { recorder, records } = setUp();
    const text = recorder.text(20);
    const put = (value: unknown) => {
      ok(recorder.begin(), "on");
      const bytes = text.put(value);
      if (bytes < 1) return bytes;
      recorder.words[1] = TEXT;
      recorder.words[2] = recorder.words[3] = 0;
      recorder.commit(1, text);
      return bytes;
    };
    equal(put("abcdefghijklmnopqrstuvwxyz"), 20, "cut");
    equal(put("é\0"), 5, "two bytes and U+FFFD");
    equal(put(new Uint8Array([65, 255])), 4, "bytes");
    equal(put(new Uint8Array([66]).buffer), 1, "an ArrayBuffer");
    equal(put(""), 0, "empty");
    equal(put(new Uint8Array(0)), 0, "no bytes");
    equal(recorder.counters().invalidArguments, 0, "invalid");
    equal(put(7), -1, "no text");
    equal(recorder.counters().invalidArguments, 1, "invalid");
    const expected = [
      [...Array(20).keys()].map((at) => 97 + at),
      [0xc3, 0xa9, 0xef, 0xbf, 0xbd],
      [65, 0xef, 0xbf, 0xbd],
      [66],
    ].map((bytes) => bytes.concat(new Array(32 - bytes.length).fill(0)));
    deepEqual(
      records().map((record) => [...record.slice(16)]),
      expected,
      "texts",
    );
  });

  it("take the slots that a text needs, with the record type for as many", () => {
    const layout: Layout = { fingerprint: LAYOUT.fingerprint, recordSlots: [1, 1, 2, 5, 1, 3, 4] };
    const FROM = 5;
    const recorder = new Recorder(layout, { capacityBytes: 256, clock: { now: () => 1 } });
    const text = recorder.text(45);
    const reader = recorder.reader();
    const buffer = new Uint8Array(1024);
    for (let bytes = 1; bytes < 60; bytes++) {
      ok(recorder.begin(), "on");
      const kept = text.put("x".repeat(bytes));
      equal(kept, Math.min(bytes, 45), "bytes kept");
      recorder.words[1] = TEXT | (0x1234 << 16);
      for (let word = 2; word < 8; word++) recorder.words[word] = bytes;
      recorder.commit(2, text, kept, FROM);
      const length = reader.next(buffer);
      const slots = Math.ceil(kept / 16);
      const record = buffer.slice(96, length);
      equal(record.length, (2 + slots) * 16, `bytes of a record with ${kept} bytes of text`);
      equal(record[4], slots < 3 ? FROM + slots - 1 : TEXT, "record type");
      deepEqual([record[6], record[7]], [0x34, 0x12], "the fields beside it");
      let end = 32;
      while (record[end] === 0x78) end++;
      equal(end, 32 + kept, "text");
      ok(
        record.slice(end).every((byte) => byte === 0),
        "zeros behind it",
      );
    }
  });

  it("stay whole and counted when the ring wraps, records of all lengths among each other", () => {
    for (const policy of ["overwrite", "discard"] as const) {
      const { recorder, records, plain } = setUp({ capacityBytes: 256 + 16, policy });
      const text = recorder.text(32);
      let emitted = 0;
      let drained = 0;
      const seen: number[] = [];
      for (let round = 0; round < 300; round++) {
        for (let more = 0; more < (round % 23) + 1; more++) {
          const value = emitted++;
          if (value % 3 === 0) plain(value);
          else {
            recorder.begin();
            recorder.words[2] = value;
            recorder.words[3] = 0;
            if (value % 3 === 1) {
              recorder.words[1] = LONG;
              for (let word = 4; word < 8; word++) recorder.words[word] = value;
              recorder.commit(2);
            } else {
              recorder.words[1] = TEXT;
              text.put(`#${value}`);
              recorder.commit(1, text);
            }
          }
        }
        for (const record of records()) {
          const [, type, value] = wordsOf(record) as [number, number, number];
          if (type > 3) continue; // _lost
          drained++;
          seen.push(value);
          equal(type, (value % 3) + 1, "type");
          if (type === LONG) deepEqual(wordsOf(record).slice(4), [value, value, value, value], "words");
          if (type === TEXT) {
            const bytes = [...record.slice(16)].filter((byte) => byte > 0);
            equal(String.fromCharCode(...bytes), `#${value}`, "text");
          }
        }
      }
      const counters = recorder.counters();
      deepEqual([counters.emitted, counters.drained, counters.pending], [emitted, drained, 0], policy);
      equal(counters.overwritten + counters.discarded, emitted - drained, "losses");
      ok(emitted - drained > 100, "some were lost");
      ok(
        seen.every((value, index) => index === 0 || value > seen[index - 1]!),
        "in order",
      );
    }
  });

  it("are switched by xs-telemetry, and what that has made by them", () => {
    const { recorder, records, plain } = setUp();
    const telemetry = new Emitter({ capacityBytes: 1024, clock: { now: () => 0 } });
    const made = new Telemetry({ capacityBytes: 1024, clock: { now: () => 0 } });
    const all: readonly Emitter[] = [telemetry, made];
    // The bindings themselves: a namespace object of a preloaded module has `enabled` as it was when the image was made.
    const bindings = () => [enabled, enabledOfRecorder];
    for (const switching of [setEnabledOfEmitter, setEnabled]) {
      switching(false);
      deepEqual(bindings(), [false, false], "enabled");
      plain(1);
      for (const each of all) each.connect(1).received(0, "off");
      switching(true);
      deepEqual(bindings(), [true, true], "enabled");
      plain(2);
      for (const each of all) each.connect(1);
    }
    equal(records().length, 2, "records");
    for (const each of [recorder, ...all]) equal(each.counters().emitted, 2, "emitted");
    equal(recorder.counters().suppressed, 2, "suppressed of the recorder");
    for (const each of all) equal(each.counters().suppressed, 4, "suppressed");
  });

  it("count what is suppressed and what is invalid", () => {
    const { recorder, records, plain } = setUp();
    setEnabled(false);
    plain(1);
    setEnabled(true);
    recorder.begin();
    recorder.refuse();
    plain(2);
    equal(records().length, 1, "records");
    const { emitted, suppressed, invalidArguments } = recorder.counters();
    deepEqual([emitted, suppressed, invalidArguments], [1, 2, 1], "counters");
  });

  it("take arguments as what they can be, and count those that are wrong", () => {
    const { recorder } = setUp();
    const most = 3.4028234663852886e38;
    const cases: [found: number, expected: number, invalid: number][] = [
      [recorder.integer(5, 0, 255), 5, 0],
      [recorder.integer(-0, 0, 255), 0, 0],
      [recorder.integer(-1, 0, 255), 0, 1],
      [recorder.integer(256, 0, 255), 255, 1],
      [recorder.integer(1.9, 0, 255), 1, 1],
      [recorder.integer(-1.9, -5, 5), -1, 1],
      [recorder.integer(Number.NaN, 3, 255), 3, 1],
      [recorder.integer("7", -5, 255), 0, 1],
      [recorder.integer(Number.POSITIVE_INFINITY, 0, 255), 255, 1],
      [recorder.single(0.1), 0.1, 0],
      [recorder.single(-0), 0, 0],
      [recorder.single(1e39), most, 1],
      [recorder.single(Number.NEGATIVE_INFINITY), -most, 1],
      [recorder.single(Number.NaN), 0, 1],
      [recorder.double(1e300), 1e300, 0],
      [recorder.double(Number.POSITIVE_INFINITY), Number.MAX_VALUE, 1],
      [recorder.double(undefined), 0, 1],
      [recorder.flag(true), 1, 0],
      [recorder.flag(false), 0, 0],
      [recorder.flag(1), 1, 1],
      [recorder.flag(undefined), 0, 1],
      [recorder.token(recorder.messageType("a")), 1, 0],
      [recorder.token(2), 0, 1],
      [recorder.token("a"), 0, 1],
    ];
    deepEqual(
      cases.map(([found]) => found),
      cases.map(([, expected]) => expected),
      "found",
    );
    equal(
      recorder.counters().invalidArguments,
      cases.reduce((sum, [, , invalid]) => sum + invalid, 0),
      "invalidArguments",
    );
  });

  it("are set up with Telemetry's options and errors", () => {
    throws(() => new Recorder(LAYOUT, { capacityBytes: 5 }), "RangeError", "capacityBytes", "5");
    // It knows no payload from another text: an option that would not be kept is refused.
    const options: TelemetryOptions = { capacityBytes: 1024, privacy: privacy({ ip: "omit" }) };
    throws(() => new Recorder(LAYOUT, options), "TypeError", '"privacy"');
  });

  it("coexist with those that a user's clock makes meanwhile", () => {
    let inside: (() => void) | undefined;
    const clock = {
      now: () => {
        const act = inside;
        inside = undefined;
        act?.();
        return 1;
      },
    };
    const recorder = new Recorder(LAYOUT, { capacityBytes: 1024, clock });
    const write = (value: number) => {
      if (!recorder.begin()) return;
      recorder.words[1] = PLAIN;
      recorder.words[2] = recorder.words[3] = value;
      recorder.commit(1);
    };
    inside = () => write(2);
    write(1);
    const buffer = new Uint8Array(512);
    equal(recorder.reader().next(buffer), 96 + 32, "bytes");
    deepEqual(wordsOf(buffer.slice(96, 128)), [1, PLAIN, 2, 2, 1, PLAIN, 1, 1], "records");
  });
});
