import assert from "node:assert/strict";
import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { OtlpRecord } from "../../host/export/otlp.ts";
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
  return {
    resource: { attributes: [] },
    unixMs: undefined,
    observedMs: 0,
    severity: 0,
    body: "",
    eventName: "x",
    attributes: [],
    boot: { index: 0, device: "d", boot: 1, bootId },
    kind: "event",
    seq,
    after: undefined,
    ...more,
  };
}

let root = "";
let problems: Problem[] = [];
const open = () => new Position(root, true, RECEIVER, (problem) => problems.push(problem));

describe("the position of a forwarder", () => {
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "xs-telemetry-position-"));
    problems = [];
  });
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  it("has what was acknowledged, in whatever order, and nothing else, as a set has", () => {
    const numbers = fc.array(fc.tuple(fc.nat(60), fc.constantFrom("01", "02")), { maxLength: 80 });
    fc.assert(
      fc.property(numbers, fc.nat(80), (acknowledged, saves) => {
        fs.rmSync(positionFile(root, true, TO), { force: true });
        let position = open();
        const model = new Set<string>();
        acknowledged.forEach(([seq, boot], index) => {
          position.acknowledge(record(seq, {}, boot));
          model.add(`${boot} ${seq}`);
          if (index !== saves) return;
          position.save(true);
          position = open();
        });
        for (const boot of ["01", "02", "03"])
          for (let seq = 0; seq <= 62; seq++)
            assert.equal(position.has(record(seq, {}, boot)), model.has(`${boot} ${seq}`), `${boot} ${seq}`);
      }),
      runs(5000, 100),
    );
  });

  it("never has what was not acknowledged, however many ranges there are, and counts what it forgets of the others", () => {
    const position = open();
    for (let seq = 0; seq < 6000; seq += 2) position.acknowledge(record(seq));
    for (let seq = 1; seq < 6000; seq += 2) assert.ok(!position.has(record(seq)), `${seq}`);
    const had = (last: number) =>
      Array.from({ length: last }, (_, seq) => seq).filter((seq) => position.has(record(seq))).length;
    assert.equal(had(6000), 1000);
    assert.deepEqual(
      position.takeProblems().map(({ code, count }) => [code, count]),
      [["W_POSITION", 2000]],
    );
    assert.deepEqual(position.takeProblems(), []);
    for (let seq = 6001; seq < 7000; seq++) position.acknowledge(record(seq));
    for (let seq = 6001; seq < 7000; seq++) assert.ok(position.has(record(seq)), "one that begins may grow");
    position.save(true);
    assert.ok(fs.statSync(positionFile(root, true, TO)).size < 12_000);
    const again = open();
    for (let seq = 0; seq < 7002; seq++) assert.equal(again.has(record(seq)), position.has(record(seq)));
  });

  it("knows what was said to be lost; what nothing tells apart it never has", () => {
    const position = open();
    const lost = (kind: "lost before" | "lost after", after: number, seq?: number, body = "2 events lost") =>
      record(seq, { kind, after, body });
    position.acknowledge(record(4));
    assert.ok(position.has(lost("lost before", 1, 4)) && !position.has(lost("lost before", 4, 7)));
    position.acknowledge(lost("lost after", 4));
    assert.ok(position.has(lost("lost after", 4)) && position.has(lost("lost before", 4, 7)));
    assert.ok(!position.has(lost("lost after", 4, undefined, "3 events lost")));
    for (const nameless of [
      record(4, { boot: { index: 0, device: "d", boot: 1, bootId: undefined } }),
      record(undefined),
    ]) {
      position.acknowledge(nameless);
      assert.ok(!position.has(nameless));
    }
  });

  it("counts what cannot be read as nothing, and tells it; other receivers have their own", () => {
    const file = positionFile(root, true, TO);
    const position = open();
    position.acknowledge(record(4));
    position.save(true);
    assert.ok(open().has(record(4)));
    assert.deepEqual(problems, []);
    assert.ok(!new Position(root, true, { shown: TO, identity: `${TO}?tenant=b` }, () => {}).has(record(4)));
    const good = fs.readFileSync(file, "utf8");
    const wrong = [
      "",
      good.slice(0, 20),
      "{}",
      good.replace('"version":1', '"version":9'),
      good.replace("[4,5]", "[5,4]"),
      good.replace("[4,5]", "[4]"),
    ];
    for (const text of wrong) {
      problems = [];
      fs.writeFileSync(file, text);
      assert.ok(!open().has(record(4)));
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

  it("is kept whole where several write it, and each is told of the others", () => {
    const [first, second] = [open(), open()];
    first.acknowledge(record(1));
    first.save(true);
    second.acknowledge(record(2));
    second.save(true);
    assert.deepEqual(
      problems.map(({ code, message }) => [code, /another forwarder/.test(message)]),
      [
        ["W_POSITION", true],
        ["W_POSITION", true],
      ],
    );
    assert.ok(open().has(record(2)));
    assert.equal(fs.readdirSync(root).length, 1, "no temporary file stays");
  });
});
