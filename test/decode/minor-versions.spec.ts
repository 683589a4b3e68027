// Versions with additions: packets of each are read as any of them, without what it has no attribute for.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaptureWriter, decode, emittedRegistry, type Problem, type RegistryModel, registry } from "xs-telemetry/host";
import { relate } from "../../host/registry/related.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { run } from "../support/command.ts";
import { edited } from "../support/later-version.ts";
import { play } from "../support/script.ts";
import { V1, V2, V11, V21 } from "../support/versions.ts";
import { scripts } from "../vectors/scripts.ts";
import vectors from "../vectors/wire-format-1-72edeb70.json" with { type: "json" };

const CODES = play(scripts["close codes"]!).map((hex) => Buffer.from(hex, "hex"));
const BEFORE = vectors["every record type"].packets.map((hex) => Buffer.from(hex, "hex"));

async function read(packets: readonly Uint8Array[], version: RegistryModel) {
  const events: Record<string, unknown>[] = [];
  const problems: Problem[] = [];
  for await (const item of decode<Record<string, unknown>>(packets, { registry: version })) {
    if (item.kind === "events") events.push(...item.events);
    else if (item.kind === "problem") problems.push(item.problem);
    else if (item.kind === "summary") return { events, problems, summary: item.summary };
  }
  throw new Error("no summary");
}

describe("a schema version and those that add to it", () => {
  it("read packets with close codes each in its own way", async () => {
    for (const [version, key] of [
      [V1, undefined],
      [V11, "closeCode"],
      [V2, undefined],
      [V21, "lw.conn.close_code"],
    ] as const) {
      const { events, problems, summary } = await read(CODES, version);
      deepEqual(problems, [], version.schemaVersion);
      const ends = events.filter(({ event }) => event === "ws.disconnect");
      equal(ends.length, 10);
      const codes = ends.flatMap((event) =>
        Object.entries(event).filter(([name]) => name.toLowerCase().includes("code")),
      );
      const expected = [0, 1000, 1006, 4999, 32_768, 65_535].map((code) => [key, code]);
      deepEqual(codes, key === undefined ? [] : expected);
      ok(events.every(({ schemaVersion }) => schemaVersion === version.schemaVersion));
      // Dropped, and reported.
      deepEqual(summary.leftOut, key === undefined ? { closeCode: 6 } : undefined);
    }
  });

  it("write the same of packets from before, apart from their own names", async () => {
    const [old, now] = [await read(BEFORE, V1), await read(BEFORE, V11)];
    deepEqual([old.problems, now.problems], [[], []]);
    deepEqual(
      now.events.map((event) => ({ ...event, schemaVersion: "1.0.0" })),
      old.events,
    );
    equal(old.summary.leftOut, undefined);
    ok(old.events.length > 10);
  });

  it("are damage as ever where a bit is set that no version uses", async () => {
    const wrong = CODES.map((packet) => Buffer.from(packet));
    const records = wrong.find((packet) => packet.readUInt32LE(20) === 0)!;
    for (let at = 96; at < records.length; at += 16) if (records[at + 4] === 26) records[at + 5] = 1;
    const { problems } = await read(wrong, V1);
    deepEqual(
      problems.map(({ code }) => code),
      ["E_RECORD"],
    );
  });

  it("are captured by either, and read by babeltrace2; with the version that devices emit, the code is there", async () => {
    const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-minor-"));
    try {
      for (const version of [registry, emittedRegistry]) {
        const path = join(dir, version.schemaVersion);
        const problems: Problem[] = [];
        const writer = new CaptureWriter(path, { registry: version, onProblem: (problem) => problems.push(problem) });
        for (const packet of CODES) ok(writer.write(packet));
        writer.close();
        deepEqual(problems, []);
        const { events, complaints } = babeltrace(path);
        deepEqual(complaints, []);
        equal(events.length, 22);
        equal(JSON.stringify(events).includes("closeCode"), version === emittedRegistry);
        const plain = await run(["decode", path]);
        equal(plain.status, 0);
        ok(!plain.stdout.includes("closeCode") && plain.stdout.includes('"schemaVersion":"1.0.0"'));
        match(plain.stderr, /closeCode of 6 events left out: .*--schema-version/);
        const newer = await run(["decode", "--schema-version", "1.1.0", path]);
        match(newer.stdout, /"closeCode":1006,"schemaVersion":"1\.1\.0"/);
        ok(!newer.stderr.includes("left out"));
      }
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it("are checked and compared as docs/versions.md says", async () => {
    const [first, second] = ["registry/1.0.0.yaml", "registry/1.1.0.yaml"];
    const docs = readFileSync("docs/versions.md", "utf8");
    for (const args of [
      ["registry", "check", second, "--against", first],
      ["registry", "diff", first, second],
    ]) {
      const { status, stdout } = await run(args);
      equal(status, 0);
      ok(docs.includes(`$ xs-telemetry ${args.join(" ")}\n${stdout}`), stdout);
    }
    equal((await run(["registry", "check"])).status, 0);
  });

  it("do not read what they could misinterpret: another layout, an unknown event or value", () => {
    const readsOf = (change: Parameters<typeof edited>[2], types = V1.recordTypes) => {
      const other = {
        ...edited(V1, "1.9.0", change),
        fingerprint: "0".repeat(32),
        recordTypes: types,
        related: undefined,
      };
      const [older] = relate([{ ...V1, related: undefined }, other]);
      return older!.related?.fingerprints.includes(other.fingerprint) ?? false;
    };
    const same = () => undefined;
    equal(readsOf(same), true);
    const quota = { id: "quota", value: "quota", code: 5, brief: "" };
    const add = (draft: Parameters<Parameters<typeof edited>[2]>[0]) => {
      const reason = draft.attributes.find(({ key }) => key === "reason")!;
      reason.members = [...reason.members, quota];
    };
    equal(readsOf(add), false);
    const [first, ...others] = V1.recordTypes;
    equal(readsOf(same, [{ ...first!, event: "ws.error" }, ...others]), false);
    equal(readsOf(same, [...V1.recordTypes, { ...first!, id: 77, event: "ws.error" }]), false);
    equal(readsOf(same, [{ ...first!, fields: [] }, ...others]), false);
    equal(readsOf(same, [...V1.recordTypes, { ...first!, id: 77, fields: [] }]), false);
  });
});
