// node --test: the events that a board's logic records.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Telemetry } from "xs-telemetry";
import { collect } from "xs-telemetry/host";
import { makeDoor } from "./door.js";

test("a door records each command, its answer, and what it cannot read", () => {
  let now = 0;
  const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 1, clock: { now: () => (now += 10) } });
  const handle = makeDoor(telemetry);
  const connection = telemetry.connect(7, "192.168.0.9");
  assert.equal(handle(connection, '{"type":"open"}'), '{"type":"state","isOpen":true}');
  assert.equal(handle(connection, "open!"), undefined);

  const { events, problems } = collect(telemetry);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    events.map(({ event, ts_mono_ms, msgType, reason }) => [event, ts_mono_ms, msgType, reason]),
    [
      ["ws.connect", 20, undefined, undefined],
      ["msg.recv", 30, "open", ""],
      ["msg.send", 40, "state", undefined],
      ["msg.recv", 50, "", "parse_error"],
    ],
  );
});
