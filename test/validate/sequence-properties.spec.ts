// Random traces of many clients, losses and boots: no error in good ones; after one change, exactly what it breaks.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Json } from "../support/arbitrary-events.ts";
import { runs } from "../support/properties.ts";
import { issuesOf, message, Trace } from "../support/traces.ts";

interface Step {
  readonly client: number;
  readonly what: number;
}

const steps = fc.array(fc.record({ client: fc.nat(4), what: fc.nat(9) }), { minLength: 2, maxLength: 60 });

/** What an emitter does in response to events of a server: whatever is drawn, the trace is possible. */
function boot(drawn: readonly Step[], hasHandshakes: boolean, ms: number): Json[] {
  const trace = new Trace(0, ms);
  const open = new Map<number, { epoch: number; isReady: boolean }>();
  let epochs = 0;
  for (const { client, what } of drawn) {
    const connection = open.get(client);
    if (connection === undefined) {
      open.set(client, { epoch: epochs, isReady: !hasHandshakes });
      trace.add("ws.connect", client, epochs++);
    } else if (what === 0) {
      open.delete(client);
      trace.add("ws.disconnect", client, connection.epoch);
    } else if (!connection.isReady && what < 7) {
      connection.isReady = true;
      trace.add("ws.connected", client, connection.epoch);
    } else if (!connection.isReady) {
      trace.add("msg.recv", client, connection.epoch, message("auth_failed"));
    } else if (what < 5) {
      trace.add("msg.recv", client, connection.epoch, message(what === 1 ? "rate_limit" : ""));
    } else {
      trace.add("msg.send", client, connection.epoch);
    }
  }
  return trace.events;
}

const boots = fc.tuple(
  fc.array(fc.tuple(steps, fc.boolean()), { minLength: 1, maxLength: 4 }),
  fc.infiniteStream(fc.nat(3)),
);

/** Each boot at an earlier time of its own clock than the previous one, because times that fit each other are assigned to one boot. */
function tracesOf(drawn: readonly (readonly [readonly Step[], boolean])[]): Json[][] {
  return drawn.map(([each, hasHandshakes], index) => boot(each, hasHandshakes, 1e6 - 1e5 * index));
}

/** From `first` on; its first two events are there, which identifies a boot. */
function withLosses(
  events: readonly Json[],
  losses: Iterator<number>,
  first: number,
): { kept: Json[]; sizes: number[] } {
  const kept: Json[] = [];
  const sizes: number[] = [];
  let missing = 0;
  for (const [index, event] of events.slice(first).entries()) {
    if (index > 1 && losses.next().value === 0) missing += 1;
    else {
      if (missing > 0) sizes.push(missing);
      missing = 0;
      kept.push(event);
    }
  }
  return { kept, sizes };
}

const brief = (lines: readonly unknown[]) =>
  issuesOf(lines).map(({ line, code, attribute }) => `${line} ${code} ${attribute ?? "-"}`);

describe("sequence checks, for any trace", () => {
  it("find no error in good ones, of many boots and clients, wherever they begin and whatever is lost", () => {
    fc.assert(
      fc.property(boots, fc.boolean(), ([drawn, stream], hasLosses) => {
        const losses = hasLosses ? stream[Symbol.iterator]() : [][Symbol.iterator]();
        const parts = tracesOf(drawn).map((events) => {
          const first = (losses.next().value ?? 0) === 1 ? events.length >> 1 : 0;
          return withLosses(events, losses, Math.min(first, events.length - 2));
        });
        // A boot is distinguished from the previous one by number and time that go back.
        const known: typeof parts = [];
        for (const part of parts) {
          const last = known.at(-1)?.kept.at(-1);
          const begins = part.kept[0]!;
          if (last === undefined || (begins.eventSeq as number) < (last.eventSeq as number)) known.push(part);
        }
        const issues = issuesOf(known.flatMap(({ kept }) => kept));
        assert.deepEqual(
          issues.filter(({ severity }) => severity === "error"),
          [],
        );
        const sizes = issues.map(({ code, message }) => [
          code,
          Number(/(\d+) events? (is|are) missing/.exec(message)?.[1]),
        ]);
        assert.deepEqual(
          sizes,
          known.flatMap((part) => part.sizes.map((size) => ["W_LOSS", size])),
        );
      }),
      runs(8000, 1000),
    );
  });

  const oneBoot = fc.tuple(steps, fc.boolean()).map(([drawn, hasHandshakes]) => boot(drawn, hasHandshakes, 0));
  const anywhere = fc.tuple(oneBoot, fc.nat());

  it("report time that goes back in any place, and only that", () => {
    fc.assert(
      fc.property(anywhere, ([events, at]) => {
        const index = 1 + (at % (events.length - 1));
        const ts_mono_ms = (events[index - 1]!.ts_mono_ms as number) - 1;
        const lines = events.map((event, each) => (each === index ? { ...event, ts_mono_ms } : event));
        assert.deepEqual(brief(lines), [`${index + 1} E_TIME ts_mono_ms`]);
      }),
    );
  });

  it("report a number that does not rise in any place, and only that", () => {
    fc.assert(
      fc.property(anywhere, fc.nat(), ([events, at], smaller) => {
        const index = 1 + (at % (events.length - 1));
        const lines = events.map((event, each) => (each === index ? { ...event, eventSeq: smaller % index } : event));
        assert.deepEqual(brief(lines), [`${index + 1} E_SEQUENCE eventSeq`]);
      }),
    );
  });

  it("report any repeated event, wherever the repetition is before the last", () => {
    fc.assert(
      fc.property(anywhere, fc.nat(), ([events, at], where) => {
        const index = at % (events.length - 1);
        const second = index + 1 + (where % (events.length - 1 - index));
        const lines = [...events.slice(0, second), events[index]!, ...events.slice(second)];
        assert.deepEqual(brief(lines), [`${second + 1} E_SEQUENCE eventSeq`]);
      }),
    );
  });

  it("report two neighbours that have changed places, and the loss that they look like, and only that", () => {
    fc.assert(
      fc.property(anywhere, ([events, at]) => {
        fc.pre(events.length > 2);
        const index = at % (events.length - 2);
        const lines = [...events];
        [lines[index], lines[index + 1]] = [lines[index + 1]!, lines[index]!];
        const loss = index > 0 ? [`${index + 1} W_LOSS eventSeq`] : [];
        assert.deepEqual(brief(lines), [...loss, `${index + 2} E_SEQUENCE eventSeq`]);
      }),
    );
  });

  it("report messages of a connection that never began, once for each, and only that", () => {
    fc.assert(
      fc.property(anywhere, ([events, at]) => {
        const connects = events.filter(({ event }, index) => event === "ws.connect" && index > 0);
        fc.pre(connects.length > 0);
        const connect = connects[at % connects.length]!;
        const lines: Json[] = events
          .filter((event) => event !== connect)
          .map((event, eventSeq) => ({ ...event, eventSeq }));
        const index = lines.findIndex(
          ({ clientId, connEpoch }) => clientId === connect.clientId && connEpoch === connect.connEpoch,
        );
        assert.deepEqual(brief(lines), index < 0 ? [] : [`${index + 1} E_SPAN connEpoch`]);
      }),
    );
  });

  it("report what continues after its disconnect, and only that, even if everything between is lost", () => {
    fc.assert(
      fc.property(
        anywhere,
        fc.nat(3),
        fc.constantFrom("msg.recv", "msg.send", "ws.connected", "ws.disconnect"),
        ([events, at], lost, event) => {
          const ends = events.filter((each) => each.event === "ws.disconnect");
          fc.pre(ends.length > 0);
          const last = new Map(ends.map((each) => [each.clientId, each]));
          const end = [...last.values()][at % last.size]!;
          const { clientId, connEpoch } = end as { clientId: number; connEpoch: number };
          const next = new Trace(events.length + lost, 1e6).add(event, clientId, connEpoch).events;
          const lines = [...events, ...next];
          const line = lines.length;
          assert.deepEqual(brief(lines), [
            ...(lost > 0 ? [`${line} W_LOSS eventSeq`] : []),
            `${line} E_SPAN connEpoch`,
          ]);
        },
      ),
    );
  });

  it("report an epoch that does not rise, and only that", () => {
    fc.assert(
      fc.property(anywhere, fc.nat(), ([events, at], smaller) => {
        const connectBefore = (index: number) =>
          events
            .slice(0, index)
            .findLast(({ event, clientId }) => event === "ws.connect" && clientId === events[index]!.clientId);
        const again = events
          .map((_, index) => index)
          .filter((index) => events[index]!.event === "ws.connect" && connectBefore(index));
        fc.pre(again.length > 0);
        const index = again[at % again.length]!;
        const connEpoch = smaller % ((connectBefore(index)!.connEpoch as number) + 1);
        const lines = events.map((event, each) => (each === index ? { ...event, connEpoch } : event));
        assert.deepEqual(brief(lines), [`${index + 1} E_EPOCH connEpoch`]);
      }),
    );
  });

  it("never break, and report lines in their order, whatever the order of events is", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(oneBoot, fc.nat()), { minLength: 1, maxLength: 3 }), (drawn) => {
        const lines = drawn.flatMap(([events, at]) =>
          events.map((event, index) => ({ event, key: (index * (at + 7)) % 13 })),
        );
        const issues = issuesOf(lines.sort((left, right) => left.key - right.key).map(({ event }) => event));
        let previous = 0;
        for (const { line, code } of issues) {
          assert.ok(line >= previous, `line ${line} behind line ${previous}`);
          assert.match(code, /^(E_TIME|E_SEQUENCE|E_SPAN|E_ORDER|E_EPOCH|W_LOSS)$/);
          previous = line;
        }
      }),
    );
  });
});
