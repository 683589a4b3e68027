import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { OtlpRecord } from "../../host/export/otlp.ts";
import type { ExportBoot } from "../../host/export/source.ts";
import { Position, positionFile } from "../../host/forward/position.ts";
import type { Problem } from "../../host/text/errors.ts";
import { runs } from "../support/properties.ts";

const TO = "http://x/v1/logs";
const RECEIVER = { shown: TO, identity: TO };

function record(
  seq: number | undefined,
  more: Partial<OtlpRecord> = {},
  bootId: string | undefined = "01",
): OtlpRecord {
  const boot = boots.get(bootId) ?? { index: 0, device: "d", boot: 1, bootId };
  boots.set(bootId, boot);
  return {
    resource: { attributes: [] },
    unixMs: undefined,
    observedMs: 0,
    severity: 0,
    body: "",
    eventName: "x",
    attributes: [],
    boot,
    kind: "event",
    seq,
    after: undefined,
    ...more,
  };
}

let boots = new Map<string | undefined, ExportBoot>();
let root = "";
let problems: Problem[] = [];
/** As another run has it: its boots are others. */
function open(): Position {
  boots = new Map();
  return new Position(root, true, RECEIVER, (problem) => problems.push(problem));
}
/** What a recording of these has left to send. */
const sent = (position: Position, records: readonly OtlpRecord[]) => [...position.left(records), ...position.end()];
const seqs = (records: readonly OtlpRecord[]) => records.map(({ seq }) => seq);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);
const acknowledge = (position: Position, records: readonly OtlpRecord[]) => {
  for (const each of sent(position, records)) position.acknowledge(each);
};

describe("the position of a forwarder", () => {
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "xs-telemetry-position-"));
    problems = [];
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  it("leaves what was not acknowledged, in whatever order it came, and nothing else, as a set does", () => {
    const acknowledged = fc.array(fc.tuple(fc.nat(60), fc.constantFrom("01", "02")), { maxLength: 80 });
    fc.assert(
      fc.property(acknowledged, (acknowledged) => {
        fs.rmSync(positionFile(root, true, TO), { force: true });
        const position = open();
        for (const [seq, boot] of acknowledged) acknowledge(position, [record(seq, {}, boot)]);
        position.save(true);
        const model = new Set(acknowledged.map(([seq, boot]) => `${boot} ${seq}`));
        const all = () => ["01", "02", "03"].flatMap((boot) => numbers(0, 63).map((seq) => record(seq, {}, boot)));
        const left = () => all().filter(({ seq, boot }) => !model.has(`${boot.bootId} ${seq}`));
        assert.deepEqual(sent(position, all()), left());
        const again = open();
        assert.deepEqual(sent(again, all()), left());
      }),
      runs(5000, 100),
    );
  });

  it("never has what was not acknowledged, however many ranges there are, and counts what it forgets of the others", () => {
    const position = open();
    const even = numbers(0, 3000).map((index) => record(index * 2));
    acknowledge(position, even);
    const left = seqs(
      sent(
        position,
        numbers(0, 6000).map((seq) => record(seq)),
      ),
    );
    assert.deepEqual(left.filter((seq) => seq! % 2 === 1).length, 3000);
    assert.equal(left.length, 5000);
    assert.deepEqual(
      position.takeProblems().map(({ code, count }) => [code, count]),
      [["W_POSITION", 2000]],
    );
    assert.deepEqual(position.takeProblems(), []);
    const more = () => numbers(6001, 7000).map((seq) => record(seq));
    acknowledge(position, more());
    assert.deepEqual(sent(position, more()), [], "one that begins may grow");
    position.save(true);
    assert.ok(fs.statSync(positionFile(root, true, TO)).size < 12_000);
    const all = () => numbers(0, 7002).map((seq) => record(seq));
    const expected = seqs(sent(position, all()));
    assert.deepEqual(seqs(sent(open(), all())), expected);
  });

  it("knows reported losses; records that cannot be told apart it never has", () => {
    const position = open();
    const lost = (kind: "lost before" | "lost after", after: number, seq?: number, body = "2 events lost") =>
      record(seq, { kind, after, body });
    const has = (each: OtlpRecord) => sent(position, [each]).length === 0;
    acknowledge(position, [record(4)]);
    assert.ok(has(lost("lost before", 1, 4)) && !has(lost("lost before", 4, 7)));
    acknowledge(position, [lost("lost after", 4)]);
    assert.ok(has(lost("lost after", 4)) && has(lost("lost before", 4, 7)));
    assert.ok(!has(lost("lost after", 4, undefined, "3 events lost")));
    for (const nameless of [
      record(4, { boot: { index: 0, device: "d", boot: 1, bootId: undefined } }),
      record(undefined),
    ]) {
      acknowledge(position, [nameless]);
      assert.ok(!has(nameless));
    }
  });

  it("tells boots with one id apart by what their events say, whichever of them a recording still has", () => {
    const of = (start: number, count: number, more: Partial<OtlpRecord> = {}) =>
      numbers(0, count).map((seq) => record(seq, { content: { ts_mono_ms: start + seq }, ...more }));
    const run = (...recordings: OtlpRecord[][]) => {
      problems = [];
      const position = open();
      const counts = recordings.map((records, index) => {
        const boot = { index, device: "d", boot: index + 1, bootId: "01" };
        const left = sent(
          position,
          records.map((each) => ({ ...each, boot })),
        );
        for (const each of left) position.acknowledge(each);
        return left.length;
      });
      position.save(true);
      return [counts, problems.map(({ code }) => code)];
    };
    assert.deepEqual(run(of(0, 4000)), [[4000], []]);
    assert.deepEqual(run(of(0, 4000)), [[0], []]);
    assert.deepEqual(run(of(0, 4100)), [[100], []]);
    assert.deepEqual(run(of(7, 3000)), [[3000], ["W_BOOT_ID"]], "another boot in its place");
    assert.deepEqual(run(of(0, 4100), of(7, 3000)), [[0, 0], []]);
    assert.deepEqual(run(of(7, 3000), of(9, 3500)), [[0, 3500], ["W_BOOT_ID"]]);
    assert.deepEqual(run(of(9, 3500).slice(600)), [[0], []], "its beginning is deleted");
    assert.deepEqual(run(of(7, 20)), [[20], ["W_POSITION"]], "nothing shows that it is the boot that was sent");
    assert.deepEqual(run(of(9, 3600).slice(3500)), [[100], []], "what was sent is deleted");
    for (let index = 0; index < 40; index++) run(of(10_000 * index, 600));
    assert.ok(JSON.parse(fs.readFileSync(positionFile(root, true, TO), "utf8")).boots.length <= 33);
  });

  it("counts what cannot be read as nothing, and tells it; other receivers have their own", () => {
    const file = positionFile(root, true, TO);
    const position = open();
    const has = (opened: Position) => sent(opened, [record(4)]).length === 0;
    acknowledge(position, [record(4)]);
    position.save(true);
    assert.ok(has(open()));
    assert.deepEqual(problems, []);
    assert.ok(!has(new Position(root, true, { shown: TO, identity: `${TO}?tenant=b` }, () => {})));
    const good = fs.readFileSync(file, "utf8");
    const wrong = [
      "",
      good.slice(0, 20),
      "{}",
      good.replace('"version":2', '"version":1'),
      good.replace("[4,5]", "[5,4]"),
      good.replace("[4,5]", "[4]"),
      good.replace("[[4,", "[[null,"),
    ];
    for (const text of wrong) {
      problems = [];
      fs.writeFileSync(file, text);
      assert.ok(!has(open()));
      assert.deepEqual(
        problems.map(({ code }) => code),
        ["W_POSITION"],
      );
    }
    assert.deepEqual(fs.readdirSync(root).length, 2, "no temporary file stays");
    assert.match(positionFile("a/b.jsonl", false, TO), /^a\/\.b\.jsonl\.forwarded-[0-9a-f]{8}\.json$/);
    assert.throws(
      () => new Position(join(root, "none"), true, RECEIVER, () => {}),
      (error: { code: string; exitCode: number }) => error.code === "E_WRITE" && error.exitCode === 2,
    );
  });

  it("follows no link that somebody has put in its place", () => {
    const file = positionFile(root, true, TO);
    const victim = join(root, "victim");
    fs.writeFileSync(victim, "mine");
    fs.symlinkSync(victim, file);
    open().save(true);
    assert.equal(fs.readFileSync(victim, "utf8"), "mine");
  });

  it("of long names is another one for each, in names that file systems take", () => {
    const names = ["a", "b"].map((end) => `${"測".repeat(82)}${end}.bin`);
    const files = names.map((name) => positionFile(join(root, name), false, TO));
    assert.notEqual(files[0], files[1]);
    for (const [index, name] of names.entries()) {
      new Position(join(root, name), false, RECEIVER, (problem) => problems.push(problem));
      assert.ok(fs.existsSync(files[index]!));
    }
    assert.deepEqual(problems, []);
  });

  it("is written again where it was deleted, which is told", () => {
    const position = open();
    acknowledge(position, [record(1)]);
    fs.rmSync(positionFile(root, true, TO));
    position.save(true);
    assert.deepEqual(
      problems.map(({ code, message }) => [code, /was deleted meanwhile: it is written again$/.test(message)]),
      [["W_POSITION", true]],
    );
    assert.deepEqual(sent(open(), [record(1)]), []);
  });

  it("is kept whole where several write it, and each is told of the others", () => {
    const [first, second] = [open(), open()];
    acknowledge(first, [record(1)]);
    first.save(true);
    acknowledge(second, [record(2)]);
    second.save(true);
    assert.deepEqual(
      problems.map(({ code, message }) => [code, /another forwarder/.test(message)]),
      [
        ["W_POSITION", true],
        ["W_POSITION", true],
      ],
    );
    assert.deepEqual(sent(open(), [record(2)]), []);
    assert.equal(fs.readdirSync(root).length, 1, "no temporary file stays");
  });
});
