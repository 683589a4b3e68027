import { deepEqual, equal, match, ok } from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { Reason } from "xs-telemetry";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { decode } from "../../host/decode/decode.ts";
import { openTelemetryTables } from "../../host/generate/migrations.ts";
import type { TelemetryEvent as TelemetryEvent2 } from "../../host/generated/events-2.0.0.ts";
import { emittedRegistry, registries, registry } from "../../host/generated/registry.ts";
import { migrate } from "../../host/migrate/migrate.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import { drain, emitter } from "../support/emit.ts";
import { V1, V2 } from "../support/versions.ts";

const command = resolve(JSON.parse(readFileSync("package.json", "utf8")).bin["xs-telemetry"]);

/** What a device that met these messages sends. */
const text = fc.oneof(fc.string({ unit: "binary", maxLength: 120 }), fc.constant(""));
const call = fc.oneof(
  fc.record({ do: fc.constant("connect" as const), id: fc.nat(), ip: fc.option(text, { nil: undefined }) }),
  fc.record({ do: fc.constant("connected" as const) }),
  fc.record({ do: fc.constant("disconnected" as const) }),
  fc.record({ do: fc.constant("received" as const), type: text, payload: fc.option(text, { nil: undefined }) }),
  fc.record({ do: fc.constant("sent" as const), type: text, payload: fc.option(text, { nil: undefined }) }),
  fc.record({
    do: fc.constant("rejected" as const),
    type: text,
    payload: fc.option(text, { nil: undefined }),
    reason: fc.constantFrom(...Object.values(Reason)),
  }),
);
type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

function packetsOf(calls: readonly Call[]): Uint8Array[] {
  const { telemetry, reader, clock } = emitter({ capacityBytes: 1 << 16 });
  let connection = telemetry.connect(1, "10.0.0.1");
  for (const each of calls) {
    clock.ms += 7;
    if (each.do === "connect") connection = telemetry.connect(each.id, each.ip);
    else if (each.do === "connected") connection.connected();
    else if (each.do === "disconnected") connection.disconnected();
    else if (each.do === "rejected") connection.rejected(each.reason, telemetry.messageType(each.type), each.payload);
    else if (each.do === "received") connection.received(telemetry.messageType(each.type), each.payload);
    else connection.sent(telemetry.messageType(each.type), each.payload);
  }
  return drain(reader);
}

async function linesOf(packets: Iterable<Uint8Array>, version: RegistryModel): Promise<string> {
  let lines = "";
  for await (const item of decode(packets, { registry: version, output: "batches" })) {
    if (item.kind === "batch") lines += Buffer.from(item.lines).toString();
    else equal(item.kind, "summary", JSON.stringify(item));
  }
  return lines;
}

async function migrated(lines: string, to: string): Promise<string> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(lines);
  }
  let text = "";
  for await (const item of migrate(source(), { to, registries })) {
    ok(item.kind === "lines", JSON.stringify(item));
    text += item.lines;
  }
  return text;
}

describe("schema versions", () => {
  it("are bundled oldest first; decode writes 1.0.0, devices emit 1.1.0", () => {
    deepEqual(
      registries.map(({ schemaVersion }) => schemaVersion),
      ["1.0.0", "1.1.0", "2.0.0", "2.1.0"],
    );
    equal(registry, V1);
    equal(emittedRegistry.schemaVersion, "1.1.0");
  });

  it("share records and fingerprint, so that packets decode as either", () => {
    equal(V2.fingerprint, V1.fingerprint);
    const layout = ({ recordTypes }: RegistryModel) => recordTypes.map(({ optionals: _, ...layout }) => layout);
    deepEqual(layout(V2), layout(V1));
    deepEqual(
      V2.recordTypes.map(({ optionals }) => optionals),
      V1.recordTypes.map(({ optionals }) =>
        optionals.map((key) => V2.attributes.find((attribute) => attribute.key === key)!.renamedTo),
      ),
    );
  });

  it("decode the same packets to the lines that migrate makes of each other's, byte for byte", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
        const packets = packetsOf(calls);
        const [older, newer] = [await linesOf(packets, V1), await linesOf(packets, V2)];
        equal(newer.split("\n").length, calls.length + 2);
        equal(await migrated(older, "2.0.0"), newer);
        equal(await migrated(newer, "1.0.0"), older);
      }),
    );
  });

  it("have a JSON Schema each, which takes the events of its own version only", async () => {
    const packets = packetsOf([
      { do: "connected" },
      { do: "received", type: "a", payload: "b" },
      { do: "rejected", type: "", payload: undefined, reason: Reason.sizeLimit },
      { do: "sent", type: "a", payload: undefined },
      { do: "disconnected" },
    ]);
    const accepts = (version: RegistryModel) =>
      new Ajv2020().compile(JSON.parse(readFileSync(`registry/${version.schemaVersion}.schema.json`, "utf8")));
    for (const [own, other] of [
      [V1, V2],
      [V2, V1],
    ] as const) {
      const [takes, refuses] = [accepts(own), accepts(other)];
      for (const line of (await linesOf(packets, own)).trimEnd().split("\n")) {
        ok(takes(JSON.parse(line)), `${line}: ${JSON.stringify(takes.errors)}`);
        ok(!refuses(JSON.parse(line)), line);
      }
    }
  });

  it("have a schema of 2.0.0 that ties error.type to the result", () => {
    const check = new Ajv2020().compile(JSON.parse(readFileSync("registry/2.0.0.schema.json", "utf8")));
    const takes = (value: unknown): boolean => check(value);
    const event = {
      event: "msg.recv",
      "monotonic.timestamp": 1,
      "lw.conn.epoch": 0,
      "lw.event.seq": 0,
      "client.id": 4,
      "lw.msg.type": "",
      "lw.msg.result": "rejected",
      "lw.msg.reason": "size_limit",
      "error.type": "size_limit",
      schemaVersion: "2.0.0",
      schemaUrl: "https://xs-telemetry.invalid/schemas/2.0.0",
    } satisfies TelemetryEvent2;
    const { "error.type": _, ...without } = event;
    ok(takes(event), JSON.stringify(check.errors));
    ok(!takes(without), "a rejection without error.type");
    ok(takes({ ...without, "lw.msg.result": "ok", "lw.msg.reason": "" }));
    ok(!takes({ ...event, "lw.msg.result": "ok", "lw.msg.reason": "" }), "an error though ok");
    ok(!takes({ ...event, "error.type": "" }), "an error that is none");
  });
});

describe("schema version 2.0.0", () => {
  it("renames what the registry document plans, and all else but event and schemaVersion goes under lw", () => {
    const renamed = Object.fromEntries(
      V2.attributes.filter(({ renamedTo }) => renamedTo !== undefined).map(({ key, renamedTo }) => [key, renamedTo]),
    );
    deepEqual(renamed, {
      ts_mono_ms: "monotonic.timestamp",
      connEpoch: "lw.conn.epoch",
      eventSeq: "lw.event.seq",
      clientId: "client.id",
      ip: "client.address",
      msgType: "lw.msg.type",
      result: "lw.msg.result",
      reason: "lw.msg.reason",
      payloadSummary: "lw.msg.payload_summary",
    });
    const kept = V1.attributes.map(({ key }) => key).filter((key) => !(key in renamed));
    deepEqual(kept, ["event", "schemaVersion"]);
  });

  it("has each event of 1.0.0 with its attributes in the same order, error.type after the reason and schemaUrl last", () => {
    const newName = (key: string) => V2.attributes.find((attribute) => attribute.key === key)?.renamedTo ?? key;
    deepEqual(
      V2.events.map(({ name, attributes }) => [
        name,
        attributes.filter(({ key }) => key !== "error.type" && key !== "schemaUrl"),
      ]),
      V1.events.map(({ name, attributes }) => [name, attributes.map((each) => ({ ...each, key: newName(each.key) }))]),
    );
    for (const { name, attributes } of V2.events) {
      const keys = attributes.map(({ key }) => key);
      equal(keys.at(-1), "schemaUrl");
      equal(keys.indexOf("error.type"), name === "msg.recv" ? keys.indexOf("lw.msg.reason") + 1 : -1);
    }
  });

  it("follows OpenTelemetry's naming rules where they are rules for attributes of its own", () => {
    const names = V2.events.flatMap(({ attributes }) => attributes.map(({ key }) => key));
    const own = [...new Set(names)].filter((key) => !["event", "schemaVersion", "schemaUrl"].includes(key));
    ok(own.length > 8);
    for (const key of own) {
      match(key, /^[a-z][a-z0-9]*([._][a-z0-9]+)*$/);
      ok(key.includes("."), `${key} has a namespace`);
      ok(!names.some((other) => other.startsWith(`${key}.`)), `${key} is no namespace`);
    }
    const url = V2.attributes.find(({ from }) => from === "schema_url")!.value!;
    equal(new URL(url).pathname.split("/").at(-1), "2.0.0");
  });

  it("has an OpenTelemetry name and place for every event and attribute, in the document too", () => {
    const document = readFileSync("docs/otel.md", "utf8");
    for (const version of registries) {
      for (const { otelName } of version.events) ok(otelName);
      for (const { key, otelName, renamedTo } of version.attributes) ok(otelName || renamedTo, key);
      const table = openTelemetryTables(version);
      for (const key of new Set(version.events.flatMap(({ attributes }) => attributes.map((each) => each.key))))
        equal(table.split(`| \`${key}\` |`).length, 2, key);
      ok(document.includes(table));
      const place = (key: string) => version.attributes.find((attribute) => attribute.key === key)!.otelTarget;
      deepEqual([place("event"), place("schemaVersion")], ["log_record", "scope"]);
    }
  });
});

describe("the commands for schema versions", () => {
  let folder: string;
  let line1: string;
  let line2: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "versions-"));
    const packets = packetsOf([{ do: "connected" }]);
    const writer = new CaptureWriter(join(folder, "capture"), { registry });
    for (const packet of packets) writer.write(packet);
    writer.close();
    line1 = await linesOf(packets, V1);
    line2 = await linesOf(packets, V2);
    writeFileSync(join(folder, "trace.jsonl"), line1);
    writeFileSync(join(folder, "mixed.jsonl"), `${line2}{"schemaVersion":"7.0.0"}\n${line1}`);
  });
  after(() => rmSync(folder, { recursive: true }));

  function run(args: readonly string[], input = ""): { status: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
      cwd: folder,
      input,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  }

  it("decode writes 1.0.0, or the version asked for", () => {
    deepEqual(
      [run(["decode", "capture"]).stdout, run(["decode", "capture", "--schema-version", "1.0.0"]).stdout],
      [line1, line1],
    );
    const newer = run(["decode", "--schema-version", "2.0.0", "capture"]);
    deepEqual([newer.status, newer.stdout], [0, line2]);
  });

  it("decode knows no other version, says which it knows, and exits 2", () => {
    const { status, stdout, stderr } = run(["decode", "--schema-version", "3.0.0", "capture"]);
    deepEqual([status, stdout], [2, ""]);
    match(stderr, /E_VERSION: schema version "3\.0\.0" is unknown; known: "1\.0\.0", "1\.1\.0", "2\.0\.0", "2\.1\.0"/);
  });

  it("migrate prints a file, or standard input, in the version asked for", () => {
    const file = run(["migrate", "--to", "2.0.0", "trace.jsonl"]);
    deepEqual([file.status, file.stdout], [0, line2]);
    match(file.stderr, /^trace\.jsonl: 2 events in 2\.0\.0, 0 left out\n$/);
    const piped = run(["migrate", "--to", "1.0.0", "-"], line2);
    deepEqual([piped.status, piped.stdout], [0, line1]);
  });

  it("migrate goes by registries of one's own, in the order of their versions", () => {
    const own = ["--registry", resolve("registry/2.0.0.yaml"), "--registry", resolve("registry/1.0.0.yaml")];
    deepEqual(run(["migrate", ...own, "--to", "2.0.0", "trace.jsonl"]).stdout, line2);
    const alone = run(["migrate", "--registry", resolve("registry/2.0.0.yaml"), "--to", "2.0.0", "trace.jsonl"]);
    deepEqual([alone.status, alone.stdout], [1, ""]);
    match(alone.stderr, /schemaVersion is "1\.0\.0", expected a known version: "2\.0\.0"/);
  });

  it("migrate names lines that cannot go, prints the others, and exits 1", () => {
    const { status, stdout, stderr } = run(["migrate", "--to", "2.0.0", "mixed.jsonl"]);
    deepEqual([status, stdout], [1, line2 + line2]);
    match(
      stderr,
      /^mixed\.jsonl: E_VERSION at line 3, byte \d+, schemaVersion: schemaVersion is "7\.0\.0", expected a known version/,
    );
    match(stderr, /: 4 events in 2\.0\.0, 1 left out\n$/);
    equal(run(["migrate", "--to", "2.0.0", "-"]).status, 1, "nothing is no trace");
  });

  it("migrate reports wrong usage, with the way out, and exits 2", () => {
    const cases: [string[], RegExp][] = [
      [["migrate", "trace.jsonl"], /required option '--to <version>' not specified/],
      [
        ["migrate", "--to", "2", "trace.jsonl"],
        /E_VERSION: schema version "2" is unknown; known: "1\.0\.0", "1\.1\.0", "2\.0\.0", "2\.1\.0"/,
      ],
      [["migrate", "--to", "2.0.0", "absent.jsonl"], /E_NOT_FOUND: absent\.jsonl/],
      [
        ["migrate", "--to", "2.0.0", "capture"],
        /E_IS_DIRECTORY: capture is a directory, expected JSON lines; .* decode --schema-version 2\.0\.0/,
      ],
      [["migrate", "--to", "2.0.0"], /missing required argument 'file'/],
    ];
    for (const [args, said] of cases) {
      const { status, stdout, stderr } = run(args);
      deepEqual([status, stdout], [2, ""], args.join(" "));
      match(stderr, said);
    }
  });

  it("migrate survives a reader who has had enough", () => {
    writeFileSync(join(folder, "long.jsonl"), line1.repeat(20_000));
    const piped = spawnSync(
      "sh",
      ["-c", `"${process.execPath}" "${command}" migrate --to 2.0.0 long.jsonl | head -n 1`],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
    deepEqual([piped.stdout, piped.stderr], [`${line2.split("\n")[0]}\n`, ""]);
  });

  it("validate takes a capture as 1.0.0, or as the version asked for", () => {
    for (const version of [[], ["--schema-version", "1.0.0"], ["--schema-version", "2.0.0"]])
      deepEqual(run(["validate", ...version, "capture"]).stdout, "capture: 2 events, 0 errors, 0 warnings\n");
  });

  it("validate takes lines of either version in one file", () => {
    const { status, stdout } = run(["validate", "--checks", "schema", "-"], line1 + line2);
    deepEqual([status, stdout], [0, "standard input: 4 events, 0 errors, 0 warnings\n"]);
  });
});
