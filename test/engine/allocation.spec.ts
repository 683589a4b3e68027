// Runs inside XS only: what calls take from the engine's heaps, by the engine's own counters.

import TextEncoder from "text/encoder";
import { type Connection, type Payload, type Policy, Reason, Telemetry, type Token } from "xs-telemetry";
import { type PayloadPolicy, privacy } from "xs-telemetry/privacy";
import { Recorder } from "xs-telemetry/recorder";
import { deepEqual, equal, ok, throws } from "../support/assert.ts";
import { type Allocation, allocationOf, CALLS, FEW_CALLS, NOTHING, slotBytes } from "../support/xs-allocation.ts";

/** Of the command line: the first is which emitter this is. */
declare const args: string[];

const isNative = args[0] === "native";

let held: unknown;

function setUp(policy: Policy): { connection: Connection; token: Token; telemetry: Telemetry } {
  // The platform's clock, as shipped; a small ring, so that it is full nearly all the time.
  const telemetry = new Telemetry({ capacityBytes: 1024, policy });
  return { telemetry, connection: telemetry.connect(1, "10.0.0.1"), token: telemetry.messageType("getStatus") };
}

describe("allocation", () => {
  it("is seen by the check if a call allocates a single slot", () => {
    const numbers = [1];
    const found = allocationOf(() => {
      held = numbers[Symbol.iterator];
    });
    deepEqual(found, NOTHING, "a call that allocates nothing");
    const one = allocationOf(() => {
      held = {};
    }, FEW_CALLS);
    equal(one.slotBytes / slotBytes, 1, "slots of an empty object");
    throws(() => deepEqual(one, NOTHING, "a call that allocates one slot"), "Error", "slotBytes", String(slotBytes));
    ok(held, "held");
  });

  for (const policy of ["overwrite", "discard"] as const) {
    describe(`of calls with a token and no payload, ${policy}`, () => {
      const { connection, token } = setUp(policy);
      const calls: Record<string, () => void> = {
        connected: () => connection.connected(),
        received: () => connection.received(token),
        rejected: () => connection.rejected(Reason.rateLimit, token),
        sent: () => connection.sent(token),
        answered: () => connection.answered(token, token),
        disconnected: () => connection.disconnected(),
      };
      for (const [name, call] of Object.entries(calls))
        it(`${name}: 0 bytes, no collection`, () => deepEqual(allocationOf(call), NOTHING, name));
    });
  }

  it("of a message type that is known, refused by a full table, or too long: 0 bytes", () => {
    const telemetry = new Telemetry({ capacityBytes: 1024, messageTypes: 2 });
    telemetry.messageType("a");
    const long = "x".repeat(65);
    deepEqual(
      allocationOf(() => telemetry.messageType("a")),
      NOTHING,
      "known",
    );
    deepEqual(
      allocationOf(() => telemetry.messageType(long)),
      NOTHING,
      "too long",
    );
    telemetry.messageType("b");
    deepEqual(
      allocationOf(() => telemetry.messageType("c")),
      NOTHING,
      "refused",
    );
    equal(telemetry.counters().unlistedTypes, 2 * (CALLS + 1), "unlistedTypes");
  });

  describe("of payload policies", () => {
    const made = (policy: PayloadPolicy) => {
      const payloads = { "msg.recv": policy, "msg.send": policy };
      const telemetry = new Telemetry({ capacityBytes: 1024, privacy: privacy({ payloads, ip: "omit" }) });
      return { connection: telemetry.connect(1, "10.0.0.1"), token: telemetry.messageType("getStatus") };
    };
    const bytes = new Uint8Array(100).fill(0x61);
    const redact = (payload: Payload) => (payload === bytes ? bytes : undefined);

    for (const policy of ["omit", "length", redact])
      it(`${typeof policy === "string" ? policy : "a redactor"}, without payload, or bytes: 0 bytes`, () => {
        const { connection, token } = made(policy as PayloadPolicy);
        const calls: Record<string, () => void> = {
          connected: () => connection.connected(),
          received: () => connection.received(token),
          "received bytes": () => connection.received(token, bytes),
          rejected: () => connection.rejected(Reason.rateLimit, token, bytes),
          sent: () => connection.sent(token, bytes),
          answered: () => connection.answered(token, token),
          disconnected: () => connection.disconnected(),
        };
        for (const [name, call] of Object.entries(calls)) deepEqual(allocationOf(call, FEW_CALLS), NOTHING, name);
      });

    it("omit, or a redactor that leaves it out, of a string: 0 bytes", () => {
      for (const policy of ["omit", redact] as const) {
        const { connection, token } = made(policy);
        const text = "x".repeat(1000);
        deepEqual(
          allocationOf(() => connection.received(token, text)),
          NOTHING,
          "received",
        );
      }
    });

    it(`length of a string: ${isNative ? "0 bytes" : "what encodeInto returns; above 252 bytes, a copy of it too"}`, () => {
      const { connection, token } = made("length");
      const encoder = new TextEncoder();
      const into = new Uint8Array(256);
      for (const [length, calls] of [
        [20, FEW_CALLS],
        [252, FEW_CALLS],
        [253, FEW_CALLS],
        [100_000, 10],
      ] as const) {
        const text = "é".repeat(length / 2) + "x".repeat(length % 2);
        let expected: Allocation = NOTHING;
        if (!isNative)
          expected = allocationOf(() => {
            held = encoder.encodeInto(text, into);
            if (length > 252) held = encoder.encode(text);
          }, calls);
        deepEqual(
          allocationOf(() => connection.received(token, text), calls),
          expected,
          `${length} bytes`,
        );
      }
    });
  });

  for (const policy of ["overwrite", "discard"] as const) {
    it(`of records of another registry, ${policy}: 0 bytes, a string as it does in a payload`, () => {
      const layout = { fingerprint: [1, 2, 3, 4], recordSlots: [1, 1, 2, 3] };
      const recorder = new Recorder(layout, { capacityBytes: 1024, policy });
      const { words, floats, doubles } = recorder;
      const text = recorder.text(20);
      const fill = () => {
        if (!recorder.begin()) return;
        words[1] = 2 | (recorder.integer(300, 0, 255) << 8) | (recorder.flag(true) << 16);
        floats[2] = recorder.single(21.5);
        words[3] = recorder.integer(-7.5, -1000, 1000);
        doubles[2] = recorder.double(1e300);
        words[6] = words[7] = recorder.token(9);
      };
      const calls: Record<string, () => void> = {
        "one slot": () => {
          fill();
          recorder.commit(1);
        },
        "two slots": () => {
          fill();
          recorder.commit(2);
        },
        refused: () => {
          fill();
          recorder.refuse();
        },
      };
      for (const [name, call] of Object.entries(calls)) deepEqual(allocationOf(call), NOTHING, name);
      deepEqual(
        allocationOf(() => {
          fill();
          words[1] = 3;
          text.put("some text");
          recorder.commit(1, text);
        }, FEW_CALLS),
        { ...NOTHING, slotBytes: 3 * slotBytes },
        "text",
      );
    });

    describe(`of payloads, ${policy}`, () => {
      const { connection, token, telemetry } = setUp(policy);
      // The minimum from TypeScript: the object that encodeInto returns, three slots. docs/design.md states these figures.
      const slots = isNative ? 0 : 3;
      const texts: Record<string, string> = {
        "20 characters": "x".repeat(20),
        "100 characters": "x".repeat(100),
        "a megabyte": "x".repeat(1_000_000),
        "100 with é": "é".repeat(100),
        "20 with NUL": "a\0".repeat(10),
      };
      for (const [name, text] of Object.entries(texts)) {
        it(`${name}: ${slots} slots`, () => {
          // Each call searches the whole string: a few of the long one are enough.
          const calls = text.length > 1000 ? 20 : FEW_CALLS;
          const expected: Allocation = { ...NOTHING, slotBytes: slots * slotBytes };
          deepEqual(
            allocationOf(() => connection.received(token, text), calls),
            expected,
            "received",
          );
          deepEqual(
            allocationOf(() => connection.rejected(Reason.sizeLimit, token, text), calls),
            expected,
            "rejected",
          );
          deepEqual(
            allocationOf(() => connection.sent(token, text), calls),
            expected,
            "sent",
          );
        });
      }

      it("the empty string, and bytes: 0 bytes", () => {
        const bytes = new Uint8Array(100).fill(0x61);
        for (const payload of ["", bytes]) {
          deepEqual(
            allocationOf(() => connection.received(token, payload), FEW_CALLS),
            NOTHING,
            "received",
          );
          deepEqual(
            allocationOf(() => connection.sent(token, payload), FEW_CALLS),
            NOTHING,
            "sent",
          );
        }
      });

      it("an ArrayBuffer: the view of it", () => {
        const buffer = new Uint8Array(100).fill(0x61).buffer;
        const view = allocationOf(() => {
          held = new Uint8Array(buffer, 0, 100);
        }, FEW_CALLS);
        deepEqual(
          allocationOf(() => connection.received(token, buffer), FEW_CALLS),
          view,
          "received",
        );
      });

      it("draining an empty ring: 0 bytes", () => {
        const reader = telemetry.reader();
        const buffer = new Uint8Array(1024);
        while (reader.next(buffer) > 0);
        deepEqual(
          allocationOf(() => reader.next(buffer)),
          NOTHING,
          "next",
        );
        reader.close();
      });

      it("a packet of records: one view at most", () => {
        const fresh = setUp(policy);
        const reader = fresh.telemetry.reader();
        const buffer = new Uint8Array(1024);
        while (reader.next(buffer) > 0);
        const view = allocationOf(() => {
          held = buffer.subarray(1, 2);
        }, FEW_CALLS);
        // Fewer than 64 packets, so that none of them is a packet of tokens.
        const found = allocationOf(() => {
          fresh.connection.received(fresh.token);
          reader.next(buffer);
        }, 50);
        deepEqual(found, isNative ? NOTHING : view, "a packet");
      });
    });
  }
});
