// What is sent, tried again, split and put aside, with simulated answers.
import assert from "node:assert/strict";
import type { OtlpRecord } from "../../host/export/otlp.ts";
import type { Answer } from "../../host/forward/post.ts";
import { Sender, type SenderOptions } from "../../host/forward/sender.ts";
import type { Problem } from "../../host/text/errors.ts";
import { rounds, seedFor } from "../support/campaign.ts";
import { loadOtlp, readRequest } from "../support/otlp.ts";
import { randomIntegers } from "../support/packets.ts";
import { pause, until } from "../support/processes.ts";

const TAKEN: Answer = { kind: "taken", rejected: 0, said: "" };
const later = (afterMs?: number): Answer => ({ kind: "later", said: "answers 503", afterMs });
const refused = (status: number, isOfRecords = status === 400 || status === 413): Answer => ({
  kind: "refused",
  status,
  said: `answers ${status}`,
  isOfRecords,
});
const RESOURCE = { attributes: [] };
const boot = { index: 0, device: "d", boot: 1, bootId: "01" };

const record = (seq: number, body = ""): OtlpRecord => ({
  resource: RESOURCE,
  unixMs: 1,
  observedMs: 1,
  severity: 0,
  body,
  eventName: String(seq),
  attributes: [],
  boot,
  kind: "event",
  seq,
  after: undefined,
});
const records = (count: number, from = 0) => Array.from({ length: count }, (_, index) => record(from + index));
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

/** `answer`: to the numbers of a request's records. */
function sending(
  answer: (seqs: readonly number[], tries: number) => Answer | Promise<Answer>,
  more: Partial<SenderOptions> = {},
) {
  const ended = new AbortController();
  const found = {
    requests: [] as number[][],
    done: [] as number[],
    letters: [] as number[],
    problems: [] as Problem[],
  };
  let open = 0;
  const sender = new Sender({
    scope: { name: "x", version: "1", schemaUrl: "" },
    to: "http://x",
    async post(request) {
      assert.equal(++open, 1, "one request at a time");
      await pause(0);
      const seqs = readRequest(request).map(({ eventName }) => Number(eventName));
      found.requests.push(seqs);
      const given = await answer(seqs, found.requests.length);
      open--;
      return given;
    },
    done: (list) => found.done.push(...list.map(({ seq }) => seq!)),
    deadLetters: (list) => found.letters.push(...list.map(({ seq }) => seq!)),
    onProblem: (problem) => found.problems.push(problem),
    ended: ended.signal,
    firstWaitMs: 1,
    mostWaitMs: 4,
    ...more,
  });
  return { sender, ended, ...found };
}

const fails =
  (code: string, exitCode: number, message: RegExp) => (error: { code: string; exitCode: number; message: string }) => {
    assert.deepEqual([error.code, error.exitCode], [code, exitCode]);
    assert.match(error.message, message);
    return true;
  };

describe("the sender of records", () => {
  before(loadOtlp);

  it("sends in order, cut by bytes, one request at a time; what no more joins is sent after a while", async () => {
    const { sender, requests, done } = sending(() => TAKEN, { mostBytes: 200, lingerMs: 20 });
    await sender.add(records(100));
    await sender.flush();
    assert.deepEqual(done, numbers(0, 100));
    assert.deepEqual(requests.flat(), done);
    assert.ok(requests.length > 5 && requests.length < 50);
    await sender.add([record(100)]);
    await pause(100);
    assert.equal(done.at(-1), 100);
    assert.deepEqual(sender.counters, {
      requests: requests.length,
      tries: requests.length,
      delivered: 101,
      rejected: 0,
      deadLetters: 0,
    });
  });

  it("tries again without end what can be mended, and waits as long as it is asked to", async () => {
    const begun = performance.now();
    const { sender, requests, done, problems } = sending((_, tries) =>
      tries < 30 ? later(tries === 1 ? 60 : undefined) : TAKEN,
    );
    await sender.add(records(3));
    await sender.flush();
    assert.ok(performance.now() - begun >= 60);
    assert.deepEqual([requests.length, done], [30, [0, 1, 2]]);
    assert.ok(
      requests.every((seqs) => seqs.length === 3),
      "what is tried again is the same",
    );
    assert.deepEqual(
      problems.slice(-2).map(({ code }) => code),
      ["W_RETRY", "W_RETRIED"],
    );
    assert.equal(sender.counters.tries, 30);
  });

  it("never waits less than by itself, nor much longer than an hour, whatever it is asked for", async () => {
    const hasty = sending((_, tries) => (tries < 8 ? later(0) : TAKEN), { firstWaitMs: 8, mostWaitMs: 64 });
    await hasty.sender.add(records(1));
    await hasty.sender.flush();
    const waits = hasty.problems
      .flatMap(({ message }) => /trying again in (\d+) ms/.exec(message)?.[1] ?? [])
      .map(Number);
    assert.equal(waits.length, 7);
    for (const [index, wait] of waits.entries()) assert.ok(wait >= Math.min(64, 8 * 2 ** index) / 2, `${waits}`);
    const slow = sending(() => later(8_000 * 365 * 86_400_000));
    const added = slow.sender.add(records(1)).then(() => slow.sender.flush());
    await until("the wait is said", () => slow.problems.length > 0);
    const [, asked] = /trying again in ([\d.]+) s, the longest wait, although it asks for more/.exec(
      slow.problems[0]!.message,
    )!;
    assert.ok(Number(asked) >= 3600 && Number(asked) <= 3960, asked);
    slow.ended.abort();
    await assert.rejects(added, fails("E_UNSENT", 2, /./));
  });

  it("halves what is refused as a whole until the record is found that is not taken", async () => {
    for (const status of [400, 413]) {
      const bad = [13, 14, 77];
      const { sender, done, letters, problems } = sending((seqs) =>
        seqs.some((seq) => bad.includes(seq)) ? refused(status) : TAKEN,
      );
      await sender.add(records(100));
      await sender.flush();
      assert.deepEqual([letters, done], [bad, numbers(0, 100)]);
      assert.deepEqual(
        problems.map(({ code, count }) => [code, count]),
        [
          ["E_REFUSED", 1],
          ["E_REFUSED", 1],
          ["E_REFUSED", 1],
        ],
      );
      assert.deepEqual([sender.counters.delivered, sender.counters.deadLetters], [97, 3]);
      const strict = sending((seqs) => (seqs.includes(13) ? refused(status) : TAKEN), { deadLetters: undefined });
      await strict.sender.add(records(100));
      await assert.rejects(
        strict.sender.flush(),
        fails("E_REFUSED", 1, /http:\/\/x refuses a record: it answers 4.*--dead-letter FILE/),
      );
      assert.deepEqual(strict.done, numbers(0, 13), "what came before it is delivered, and nothing after it");
    }
  });

  it("makes smaller requests where large ones are refused as too large", async () => {
    for (const status of [400, 413]) {
      const tooMany = (seqs: readonly number[]) => (seqs.length > 300 ? refused(status) : TAKEN);
      const { sender, requests, done, letters } = sending(tooMany, { mostBytes: 20_000 });
      await sender.add(records(3000));
      await sender.flush();
      assert.deepEqual([done, letters], [numbers(0, 3000), []]);
      assert.ok(requests.at(-2)!.length <= 300);
      assert.ok(
        requests.filter((seqs) => seqs.length > 300).length < 10,
        "they are not cut and refused again and again",
      );
    }
  });

  it("makes no smaller requests where a record was to blame", async () => {
    const answer = (seqs: readonly number[]) => (seqs.includes(13) ? refused(400) : TAKEN);
    const { sender, requests, letters } = sending(answer, { mostBytes: 20_000 });
    await sender.add(records(3000));
    await sender.flush();
    assert.deepEqual(letters, [13]);
    assert.ok(requests.at(-2)!.length >= requests[0]!.length - 50, requests.map(({ length }) => length).join());
  });

  it("ends at any other answer, or puts what it was into the dead letters", async () => {
    // 400: of a proxy, say.
    for (const status of [400, 401, 404, 500, 302]) {
      const strict = sending(() => refused(status, false), { deadLetters: undefined, mostBytes: 100 });
      await assert.rejects(
        (async () => {
          await strict.sender.add(records(100));
          await strict.sender.flush();
        })(),
        fails("E_REFUSED", 2, /refuses a request: it answers \d+: .*--dead-letter FILE/),
      );
      assert.deepEqual([strict.requests.length, strict.done], [1, []]);
      const { sender, requests, done, letters } = sending(
        (_, tries) => (tries === 1 ? refused(status, false) : TAKEN),
        {
          mostBytes: 100,
        },
      );
      await sender.add(records(100));
      await sender.flush();
      assert.deepEqual([letters, done], [requests[0], numbers(0, 100)]);
    }
  });

  it("counts what was rejected in part, and does not send it again", async () => {
    const { sender, requests, problems } = sending(() => ({ kind: "taken", rejected: 2, said: "old" }));
    await sender.add(records(10));
    await sender.flush();
    assert.deepEqual([requests.length, sender.counters.delivered, sender.counters.rejected], [1, 8, 2]);
    assert.deepEqual(
      problems.map(({ code, count }) => [code, count]),
      [["E_REJECTED", 2]],
    );
  });

  it("ends on request, in the middle of a wait, and says that not everything is delivered", async () => {
    const { sender, ended, done } = sending((seqs) => (seqs.includes(0) ? TAKEN : later(3_600_000)), { mostBytes: 1 });
    void sender.add(records(2)).catch(() => {});
    await pause(50);
    ended.abort();
    await assert.rejects(
      sender.flush(),
      fails("E_UNSENT", 2, /ended before http:\/\/x had everything \(answers 503\): run it again/),
    );
    assert.deepEqual(done, [0]);
    await assert.rejects(sender.add(records(1, 2)), fails("E_UNSENT", 2, /./));
  });

  it("ends when what was sent cannot be noted, or put aside", async () => {
    const noted = sending(() => TAKEN, { done: () => assert.fail("disk full") });
    await noted.sender.add(records(1));
    await assert.rejects(noted.sender.flush(), /disk full/);
    const { sender, done } = sending(() => refused(500), { deadLetters: () => assert.fail("disk full") });
    await sender.add(records(1));
    await assert.rejects(sender.flush(), /disk full/);
    assert.deepEqual(done, []);
  });

  it("delivers all, each once and in order, whatever comes in between", async function () {
    this.timeout(300_000);
    for (let round = 0; round < rounds(2000, 40); round++) {
      const random = randomIntegers(seedFor(195) + round);
      const bad = new Set(Array.from({ length: random(4) }, () => random(300)));
      const most = 20 + random(100);
      const { sender, requests, done, letters } = sending(
        (seqs) => {
          if (random(4) === 0) return later(random(2) ? undefined : random(3));
          if (seqs.length > most) return refused(413);
          return seqs.some((seq) => bad.has(seq)) ? refused(400) : TAKEN;
        },
        { mostBytes: 100 + random(8000), lingerMs: random(3) },
      );
      for (let at = 0; at < 300; ) {
        const count = Math.min(300 - at, 1 + random(60));
        await sender.add(records(count, at));
        at += count;
        if (random(5) === 0) await pause(random(3));
      }
      await sender.flush();
      assert.deepEqual(done, numbers(0, 300));
      assert.deepEqual(
        letters,
        [...bad].sort((a, b) => a - b),
      );
      assert.equal(sender.counters.tries, requests.length);
    }
  });
});
