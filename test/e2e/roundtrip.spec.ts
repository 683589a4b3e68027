// From calls on the emitter to decoded events and back.
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync } from "node:fs";
import { decode, registry, type TelemetryEvent, Validator } from "xs-telemetry/host";
import { random } from "../support/assert.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { CAPTURES, readTraces, replay } from "../support/captures.ts";
import { decodeAll, drain, emitter } from "../support/emit.ts";
import earlierVectors from "../vectors/wire-format-1.json" with { type: "json" };
import vectors from "../vectors/wire-format-1-6daeb2e8.json" with { type: "json" };
import withoutCodes from "../vectors/wire-format-1-72edeb70.json" with { type: "json" };

const ALL = [vectors, withoutCodes, earlierVectors] as readonly Record<string, { packets: string[] }>[];

/** UTF-8 of at most this many bytes, cut at a code point. */
function cut(text: string, bytes: number): string {
  let kept = "";
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}

/** What must come back: the declared attributes, in order, text cut; connEpoch and eventSeq are the emitter's. */
function expected(event: TelemetryEvent, eventSeq: number, connEpoch: number): object {
  const model = registry.events.find(({ name }) => name === event.event)!;
  const given = event as unknown as Record<string, unknown>;
  const bytes = new Map(registry.attributes.map(({ key, maxBytes }) => [key, maxBytes]));
  return Object.fromEntries(
    model.attributes.flatMap(({ key }) => {
      if (key === "eventSeq") return [[key, eventSeq]];
      if (key === "connEpoch") return [[key, connEpoch]];
      const value = given[key];
      if (value === undefined) return [];
      const most = bytes.get(key);
      return [[key, most === undefined ? value : cut(value as string, most)]];
    }),
  );
}

describe("the shared captures, through the emitter", () => {
  if (!existsSync(CAPTURES)) {
    it(`are not here (${CAPTURES}): nothing to compare`, () => ok(!existsSync(CAPTURES)));
    return;
  }
  it("come back equal, event by event", async () => {
    const traces = await readTraces();
    let compared = 0;
    for (const [name, events] of traces) {
      if (events.length === 0) continue; // a trace without one valid event
      const { telemetry, packets } = replay(events);
      const { events: back, problems, summary } = await decodeAll(packets);
      deepEqual(problems, [], name);
      equal(back.length, events.length, name);
      equal(summary.lostOnDevice + summary.lostInTransit, 0, name);
      deepEqual(telemetry.counters().invalidArguments, 0, name);
      for (const [index, event] of back.entries()) {
        const text = JSON.stringify(expected(events[index]!, index, event.connEpoch));
        equal(JSON.stringify(event), text, `${name}, event ${index}`);
        compared++;
      }
    }
    ok(traces.length >= 5, `${traces.length} traces found`);
    ok(compared >= 57 * 2 + 18 + 2, `${compared} events compared`);
  });
});

describe("decoding", () => {
  it("understands the vectors of wire format 1", async () => {
    for (const [name, { packets }] of ALL.flatMap((each) => Object.entries(each))) {
      // Each reader is a stream of its own.
      const byReader = new Map<string, Uint8Array[]>();
      for (const hex of packets) {
        const reader = hex.slice(160, 168);
        byReader.set(reader, [...(byReader.get(reader) ?? []), Buffer.from(hex, "hex")]);
      }
      for (const [reader, stream] of byReader) {
        const { events, problems } = await decodeAll(stream);
        deepEqual(problems, [], `${name}, reader ${reader}`);
        const validator = new Validator({ registries: [registry], strict: true, checks: ["schema"] });
        for (const [index, event] of events.entries()) validator.checkEvent(event, index + 1);
        deepEqual(validator.takeIssues(), [], name);
        ok(events.length > 0, name);
      }
    }
  });

  it("gives back what was called, whatever was passed in, and every line conforms to the registry", async () => {
    const seed = seedFor(13);
    const dice = random(seed);
    const strings = [
      "",
      "a",
      "\0",
      "\ud800",
      "é".repeat(60),
      "😀".repeat(30),
      "{}",
      '"\\\n\u2028',
      "x".repeat(1000),
      "\u0001\u001f\u007f",
    ];
    const odd: unknown[] = [
      undefined,
      null,
      -1,
      2 ** 33,
      Number.NaN,
      {},
      [],
      Symbol("s"),
      5n,
      new Uint8Array([0, 255, 65]),
      "text",
    ];
    for (const round of campaign("devices whose calls are given back", 500, 50)) {
      const { clock, telemetry, reader } = emitter({ capacityBytes: 65_536, messageTypes: 6 });
      const packets: Uint8Array[] = [];
      const any = () => dice.pick([...strings, ...odd]) as never;
      let connection = telemetry.connect(0);
      for (let count = 0; count < 60; count++) {
        clock.ms += dice.below(3);
        const type = dice.below(2) === 0 ? telemetry.messageType(any()) : any();
        [
          () => {
            connection = telemetry.connect(any(), any());
          },
          () => connection.connected(),
          () => connection.received(type, any()),
          () => connection.rejected((1 + dice.below(6)) as never, type, any()),
          () => connection.sent(type, any()),
          () => connection.disconnected(),
        ][dice.below(6)]!();
        if (dice.below(20) === 0) packets.push(...drain(reader));
      }
      packets.push(...drain(reader));
      const { events, problems } = await decodeAll(packets);
      deepEqual(problems, [], `seed ${seed}, round ${round}`);
      equal(events.length, telemetry.counters().drained, `seed ${seed}, round ${round}`);
      const validator = new Validator({ registries: [registry], strict: true, checks: ["schema"] });
      for await (const item of decode(packets, { registry, output: "lines" })) {
        if (item.kind !== "lines") continue;
        for (const line of Buffer.from(item.lines).toString().trim().split("\n")) validator.checkLine(line, 1);
      }
      deepEqual(validator.takeIssues(), [], `seed ${seed}, round ${round}`);
      equal(validator.eventCount, events.length);
    }
  });

  it("gives the same events as objects and as lines", async () => {
    for (const { packets } of ALL.flatMap((each) => Object.values(each))) {
      const stream = packets.filter((hex) => hex.slice(160, 168) === "00000000").map((hex) => Buffer.from(hex, "hex"));
      const { events } = await decodeAll(stream);
      let lines = "";
      for await (const item of decode(stream, { registry, output: "lines" }))
        if (item.kind === "lines") lines += Buffer.from(item.lines).toString();
      equal(lines, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    }
  });
});
