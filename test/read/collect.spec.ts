// Events of an emitter in a unit test, without files.
import { deepEqual, equal, throws } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Telemetry } from "xs-telemetry";
import { collect, drain, loadRegistry, type TelemetryEvent } from "xs-telemetry/host";
import { runBoard } from "../../examples/sensor/board.ts";
import { Telemetry as SensorTelemetry } from "../../examples/sensor/telemetry.gen.ts";

const make = () => new Telemetry({ capacityBytes: 4096, bootId: 1, clock: { now: () => 5 } });

describe("collecting what was recorded", () => {
  it("gives the events of a ring, and takes them from no other reader", () => {
    const telemetry = make();
    const reader = telemetry.reader();
    const connection = telemetry.connect(3);
    connection.received(telemetry.messageType("ping"));
    const { events, problems, summary } = collect(telemetry);
    deepEqual(
      events.map(({ event, clientId }) => [event, clientId]),
      [
        ["ws.connect", 3],
        ["msg.recv", 3],
      ],
    );
    deepEqual([problems, summary.packets, summary.boots, summary.unnamedTokens], [[], 1, 1, 0]);
    equal(collect(telemetry).events.length, 2, "again");
    connection.disconnected();
    deepEqual(
      collect(reader).events.map(({ event }) => event),
      ["ws.connect", "msg.recv", "ws.disconnect"],
    );
    equal(collect(reader).events.length, 0, "they are read");
    equal(telemetry.counters().pending, 0);
  });

  it("says what it wants where it gets something else", () => {
    for (const wrong of [undefined, null, 5, {}, [], "x"] as never[]) {
      throws(() => collect(wrong), {
        name: "TypeError",
        message: /^collect\(\) expects a Telemetry or one of its readers, got /,
      });
      throws(() => drain(wrong, () => {}), {
        name: "TypeError",
        message: /^drain\(\) expects a reader: telemetry\.reader\(\), got /,
      });
      throws(() => collect(make(), { registry: wrong === undefined ? null : wrong } as never), {
        name: "TypeError",
        message: /^collect\(\) expects a registry from loadRegistry\(\), got /,
      });
      throws(() => collect({ reader: () => wrong } as never), {
        name: "TypeError",
        message: /^collect\(\) expects a Telemetry/,
      });
      throws(() => drain(make().reader(), wrong), { name: "TypeError", message: /^drain\(\) expects a function / });
    }
  });

  it("does not go on for ever with a reader that gives more than its buffer holds", () => {
    throws(() => drain({ next: () => 99_999_999 }, () => {}), {
      name: "RangeError",
      message: "drain(): next() returned 99999999, its buffer has 65536",
    });
  });

  it("is nothing, and no problem, where nothing was recorded", () => {
    const { events, problems, summary } = collect(make());
    deepEqual([events, problems, summary.packets], [[], [], 0]);
  });

  it("reports losses in the summary", () => {
    const telemetry = make();
    const connection = telemetry.connect(3);
    for (let count = 0; count < 1000; count++) connection.connected();
    const { events, problems, summary } = collect(telemetry);
    deepEqual([events.length, problems, summary.lostOnDevice], [256, [], 1001 - 256]);
  });

  it("gives events of one's own, by their registry", () => {
    let now = 0;
    const telemetry = new SensorTelemetry({ capacityBytes: 4096, bootId: 7, clock: { now: () => (now += 10) } });
    runBoard(telemetry);
    const path = "examples/sensor/sensor.yaml";
    const registry = loadRegistry(readFileSync(path, "utf8"), path);
    const { events, problems } = collect<{ event: string }>(telemetry, { registry });
    deepEqual([problems, events[0]!.event], [[], "battery"]);
    equal(collect(telemetry).events.length, 0);
    equal(collect(telemetry).problems[0]!.code, "E_REGISTRY", "of another registry than theirs");
  });

  it("has packets handed on, each good for as long as one keeps it", () => {
    const telemetry = make();
    for (let count = 0; count < 200; count++) telemetry.connect(count);
    const packets: Uint8Array[] = [];
    const reader = telemetry.reader();
    equal(
      drain(reader, (packet) => packets.push(packet)),
      packets.length,
    );
    equal(
      drain(reader, () => {}),
      0,
    );
    const ids = packets.flatMap((packet) => {
      let isTaken = false;
      const next = (buffer: Uint8Array) => {
        if (isTaken) return 0;
        isTaken = true;
        buffer.set(packet);
        return packet.length;
      };
      return collect<TelemetryEvent>({ next }, { with: "none" }).events.map(({ clientId }) => clientId);
    });
    deepEqual(
      ids,
      Array.from({ length: 200 }, (_, count) => count),
    );
  });

  it("is what the example in examples/unit-test does, under node --test", () => {
    const said = execFileSync(process.execPath, ["--test", "--test-reporter=tap", "examples/unit-test/door.test.js"], {
      encoding: "utf8",
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    equal(/^# pass (\d+)$/m.exec(said)?.[1], "1", said);
  });
});
