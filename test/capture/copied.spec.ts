import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Collector, type CollectorOptions } from "../../host/capture/collector.ts";
import { ctfMetadata } from "../../host/capture/ctf-metadata.ts";
import { ANCHORS_FILE, listBoots, listCaptures, SIDE_FOLDER, TOKENS_FILE } from "../../host/capture/folder.ts";
import { metadataNames } from "../../host/capture/metadata-names.ts";
import type { DecodeItem } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { parseAnchors } from "../../host/receive/wall-clock.ts";
import type { Problem } from "../../host/text/errors.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { mixedPackets, PacketSource } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);
/** Names at the limits of a token packet, and names that would leave their string in metadata if they were not escaped. */
const HOSTILE = ['a" = 9, "b', "};\nenum", "\\", "\\101", "\u001b[31m\n", "😀".repeat(15), "x".repeat(63), " "];

let root = "";
let dir = "";

/** Two devices, three boots, readers, rotated parts. */
function capture(options: Partial<CollectorOptions> = {}): Collector {
  const all = new Collector(dir, { registry, reorderPackets: 0, ...options });
  for (const device of ["kitchen", "hall/1"])
    for (const bootId of [1, 2, 3])
      for (const reader of [0, 1]) {
        const source = new PacketSource({ bootId, reader });
        const names = HOSTILE.map((name, index): [number, string] => [index + 1, `${bootId}${name}`]);
        const packets = [
          source.tokens(names),
          ...names.map(([token], index) => source.data([{ event: "msg.send", time: index, token }])),
          source.tokens([[60_000, `late ${device}`]]),
          source.data([{ event: "msg.recv", time: 99, token: 60_000 }], 5),
        ];
        for (const [index, { bytes }] of packets.entries()) all.packet(device, bytes, T0 + index);
      }
  return all;
}

async function decoded(path: string): Promise<{ lines: string; problems: Problem[]; devices: unknown[] }> {
  const items: DecodeItem[] = [];
  let lines = "";
  for await (const item of decodePath(path, { registry, output: "lines", with: "none" })) {
    items.push(item);
    if (item.kind === "lines") lines += Buffer.from(item.lines).toString();
  }
  return {
    lines,
    problems: items.flatMap((item) => (item.kind === "problem" ? [item.problem] : [])),
    devices: listCaptures(path).map(({ device }) => device),
  };
}

const entries = (path: string) => readdirSync(path, { recursive: true, withFileTypes: true });
/** `cp -r c/* d/`, zip and uploads of CI leave such files out. */
const withoutHidden = (from: string, to: string) =>
  cpSync(from, to, { recursive: true, filter: (path) => path === from || !basename(path).startsWith(".") });
const codesOf = (problems: readonly Problem[]) => problems.map(({ code }) => code);

describe("a capture that was copied", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-copied-"));
    dir = join(root, "capture");
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  for (const [how, options] of [
    ["whole", {}],
    ["rotated", { rotateBytes: 1000 }],
    ["rotated, the oldest parts given up", { rotateBytes: 1000, keepParts: 9 }],
  ] as const)
    for (const [when, isClosed] of [
      ["closed", true],
      ["killed", false],
    ] as const)
      it(`without its hidden files decodes to the same lines, boots in the same order, devices with their names: ${how}, ${when}`, async () => {
        const all = capture(options);
        // Killed: only what is on disk remains.
        if (isClosed) all.close();
        const copy = join(root, "copy");
        withoutHidden(dir, copy);
        const before = await decoded(dir);
        const after = await decoded(copy);
        assert.deepEqual(
          { ...after, problems: codesOf(after.problems) },
          { ...before, problems: codesOf(before.problems) },
        );
        assert.deepEqual(
          before.problems.filter(({ code }) => code !== "W_LATE"),
          [],
        );
        assert.deepEqual(before.devices.sort(), ["hall/1", "kitchen"]);
        assert.ok(!before.lines.includes('"msgType":""') && before.lines.includes('"msgType":"late hall/1"'));
        for (const { path, boots } of listCaptures(copy))
          for (const { path: boot } of boots) {
            const anchors = parseAnchors(readFileSync(join(boot, ANCHORS_FILE), "utf8"));
            assert.ok(anchors.length > 0 && anchors.every(({ unixMs }) => unixMs >= T0), `${path} ${boot}`);
          }
        for (const folder of [copy, join(copy, "kitchen"), listBoots(join(copy, "kitchen")).at(-1)!.path]) {
          assert.deepEqual(babeltrace(folder).complaints, [], folder);
          assert.ok(babeltrace(folder).events.length > 0);
        }
      });

  it("has no file that is hidden, whose name a device chose or not", () => {
    capture({ rotateBytes: 1000, keepParts: 3 }).close();
    assert.deepEqual(
      entries(dir).filter(({ name }) => name.startsWith(".")),
      [],
    );
  });

  it("decodes to the same lines without our files beside the traces: the names are in the metadata, and that is reported", async () => {
    capture({ rotateBytes: 1000 }).close();
    const { lines } = await decoded(dir);
    for (const entry of entries(dir))
      if (entry.isDirectory() && entry.name === SIDE_FOLDER)
        rmSync(join(entry.parentPath, entry.name), { recursive: true });
    const after = await decoded(dir);
    assert.equal(after.lines, lines);
    const told = after.problems.filter(({ code }) => code === "W_NO_TOKENS");
    assert.deepEqual([told.length >= 12, new Set(codesOf(after.problems))], [true, new Set(["W_NO_TOKENS"])]);
    const names = told.map(({ message }) => Number(/(\d+) names are taken|a name is taken/.exec(message)![1] ?? 1));
    assert.equal(
      names.reduce((sum, count) => sum + count, 0),
      12 * (HOSTILE.length + 1),
    );
    // A boot alone, too, whatever its folder is called.
    const boot = listBoots(join(dir, "kitchen")).at(-1);
    cpSync(boot!.path, join(root, "mine"), { recursive: true });
    assert.ok((await decoded(join(root, "mine"))).lines.includes("}"));
    assert.ok(!(await decoded(join(root, "mine"))).lines.includes('"msgType":""'));
  });

  it("takes from the metadata the names that damaged or emptied token packets lack", async () => {
    const all = new Collector(dir, { registry, reorderPackets: 0 });
    const packets = mixedPackets();
    for (const { bytes } of packets) all.packet(undefined, bytes, T0);
    all.close();
    const { lines } = await decoded(dir);
    const file = join(listBoots(dir)[0]!.path, TOKENS_FILE);
    const bytes = readFileSync(file);
    for (const [damage, codes] of [
      [() => truncateSync(file, 0), ["W_NO_TOKENS"]],
      [() => writeFileSync(file, bytes.subarray(0, 105)), ["E_CUT", "W_NO_TOKENS"]],
      [
        () =>
          writeFileSync(
            file,
            bytes.map((byte) => byte ^ 0x55),
          ),
        ["E_NO_PACKET", "W_NO_TOKENS"],
      ],
      [() => writeFileSync(file, bytes), []],
    ] as const) {
      damage();
      const after = await decoded(dir);
      assert.deepEqual([codesOf(after.problems), after.lines], [codes, lines]);
    }
  });

  it("believes no metadata of another boot, none that are damaged, and no label that is no name", async () => {
    const all = new Collector(dir, { registry, reorderPackets: 0 });
    const source = new PacketSource({ bootId: 7 });
    all.packet(undefined, source.data([{ event: "msg.send", time: 1, token: 1 }]).bytes, T0);
    all.close();
    const boot = listBoots(dir)[0]!.path;
    const written = (metadata: string) => writeFileSync(join(boot, "metadata"), metadata);
    const tokens = new Map([[1, "one"]]);
    const taken = async () => (await decoded(dir)).lines.includes('"one"');
    written(ctfMetadata(registry, { bootId: 7, reader: 0, tokens }));
    assert.equal(await taken(), true);
    written(ctfMetadata(registry, { bootId: 8, reader: 0, tokens }));
    assert.equal(await taken(), false);
    written(ctfMetadata(registry, { bootId: 7, reader: 1, tokens }));
    assert.equal(await taken(), false);
    for (const metadata of ["", "enum token : u16 {", ctfMetadata(registry, { tokens }), "\u0000".repeat(1000)]) {
      written(metadata);
      assert.equal(await taken(), false);
    }
    const names = (labels: string) =>
      metadataNames(`  boot_id = "00000000000007";\n  reader = 0;\n\nenum token : u16 {\n${labels}\n};\n`)?.names;
    const long = "x".repeat(65);
    assert.deepEqual(
      names(`  "" = 0,\n  "a" = 1,\n  "${long}" = 2,\n  "\\000" = 3,\n  "\\377" = 4,\n  "b" = 65535`),
      new Map([
        [1, "a"],
        [65_535, "b"],
      ]),
    );
    assert.deepEqual(names('  "a" = 0,\n  "b" = 65536,\n  "c" = 1,\n  "d" = 1'), new Map([[1, "c"]]));
  });

  it("reads 65,535 names from metadata as they were sent", () => {
    const tokens = new Map(Array.from({ length: 65_535 }, (_, index) => [index + 1, `${"\u0001".repeat(3)}${index}`]));
    assert.deepEqual(metadataNames(ctfMetadata(registry, { bootId: 2 ** 53 - 1, reader: 4, tokens })), {
      bootId: 2 ** 53 - 1,
      reader: 4,
      names: tokens,
    });
  });
});
