import { deepEqual, equal, match, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { Change } from "../../host/registry/changes.ts";
import { diffRegistries, isEnough, leastBump } from "../../host/registry/diff.ts";
import { byVersion, checkEvolution, type ReadFile, versionsBefore } from "../../host/registry/evolution.ts";
import { readRegistry } from "../../host/registry/load.ts";
import { formatMistake } from "../../host/registry/mistakes.ts";
import { bumpOf, compareSemver, isSemver } from "../../host/registry/semver.ts";
import { readRegistryCases } from "../support/registry-cases.ts";
import { SMALL_REGISTRY } from "../support/small-registry.ts";

function read(text: string, file: string): ReadFile {
  const registry = readRegistry(text, file);
  deepEqual(registry.mistakes.map(formatMistake), []);
  return { ...registry, file, model: registry.model! };
}

const old = read(SMALL_REGISTRY, "old.yaml");
const line = ({ kind, isForbidden, subject, message }: Change) =>
  `${isForbidden ? "never" : kind} ${subject}: ${message}`;
const withVersion = (text: string, version: string) => text.replace('value: "1.2.3"', () => `value: "${version}"`);

describe("the changes of a registry", () => {
  it("do not exist from a registry to itself, whatever the order of its parts", () => {
    deepEqual(diffRegistries(old.model, old.model), []);
    const { attributes, events, recordTypes } = old.model;
    const turned = { ...old.model, attributes: attributes.toReversed(), events: events.toReversed() };
    deepEqual(diffRegistries(old.model, { ...turned, recordTypes: recordTypes.toReversed() }), []);
  });

  const cases = readRegistryCases("test/registry/changes.txt");
  ok(cases.length > 30);
  for (const { kind, told, text, place } of cases) {
    it(`${kind}: ${told.length} told: ${told[0]}`, () => {
      const later = read(withVersion(text, "9.0.0"), "new.yaml");
      const changes = diffRegistries(old.model, later.model);
      deepEqual(changes.map(line).sort(), [...told].sort());
      for (const { reason, wayOut, kind: is } of changes) ok(reason !== "" && (is !== "breaking" || wayOut !== ""));

      const mistakes = checkEvolution(old, later);
      equal(mistakes.length, told.filter((each) => each.startsWith("never")).length);
      for (const mistake of mistakes)
        match(formatMistake(mistake), /^new\.yaml:\d+:\d+: E_EVOLUTION: .* \(1\.2\.3 → 9\.0\.0\): .*; ./);
      if (place) equal(`${mistakes[0]!.line}:${mistakes[0]!.column}`, place);
    });
  }

  it("keep what was promised, in the registries of this package", () => {
    const files = readdirSync("registry").filter((name) => name.endsWith(".yaml"));
    const versions = files.map((name) => read(readFileSync(`registry/${name}`, "utf8"), name)).sort(byVersion);
    ok(versions.length > 0);
    for (const [index, later] of versions.entries())
      for (const older of versionsBefore(versions, index))
        deepEqual(checkEvolution(older, later).map(formatMistake), []);
  });

  it("are kept from by each version that the one before it, or the newest of its major version, owes something", () => {
    const numbers = ["1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0"];
    const versions = numbers.map((number) => read(withVersion(SMALL_REGISTRY, number), number));
    const before = versions.map((_, index) => versionsBefore(versions, index).map(({ file }) => file));
    deepEqual(before, [[], ["1.0.0"], ["1.0.0"], ["2.0.0", "1.1.0"], ["2.1.0"]]);
    deepEqual(
      versionsBefore(versions.slice(0, 3), 2).map(({ file }) => file),
      ["1.1.0"],
      "2.0.0 alone lacks nothing",
    );
  });
});

describe("the version of a registry", () => {
  const step = (to: string, change: (text: string) => string, from = "1.2.3") =>
    checkEvolution(
      read(withVersion(SMALL_REGISTRY, from), "old.yaml"),
      read(withVersion(change(SMALL_REGISTRY), to), "new.yaml"),
    ).map(formatMistake);
  const patch = (text: string) => text.replace("brief: Pascal.", "brief: In Pascal.");
  const minor = (text: string) =>
    text.replace("brief: Pascal.", "brief: Pascal.\n    deprecated: { reason: obsoleted, note: Look out. }");
  const breaking = (text: string) => text.replace("{ health: good }", "{ health: bad }");

  it("must go as far as the changes do", () => {
    for (const [to, change] of [
      ["1.2.4", patch],
      ["1.3.0", minor],
      ["2.0.0", breaking],
      ["2.0.0", patch],
      ["1.2.3", (text: string) => text],
    ] as const)
      deepEqual(step(to, change), []);
    const told = (to: string, least: string, change: string, next: string) => [
      `new.yaml:22:26: E_EVOLUTION: version ${to} after 1.2.3, but the changes are ${least} (${change}); write ${next} or later`,
    ];
    deepEqual(step("1.2.3", patch), told("1.2.3", "patch", "attribute pressure: other words in brief", "1.2.4"));
    deepEqual(step("1.2.9", minor), told("1.2.9", "minor", "attribute pressure: is deprecated (obsoleted)", "1.3.0"));
    const rule = 'attribute state: must be empty exactly when health is "bad"';
    deepEqual(step("1.9.0", breaking), told("1.9.0", "major", rule, "2.0.0"));
  });

  it("may break with a minor step before 1.0.0", () => {
    deepEqual(step("0.3.0", breaking, "0.2.9"), []);
    match(step("0.2.10", breaking, "0.2.9").join(), /the changes are minor .*; write 0\.3\.0 or later$/);
  });

  it("must not go back", () => {
    deepEqual(
      step("1.2.2", (text) => text),
      ["new.yaml:22:26: E_EVOLUTION: version 1.2.2 comes before 1.2.3 (old.yaml); give it a later one"],
    );
  });

  it("has the least step that the worst change asks for", () => {
    const changes = (...kinds: Change["kind"][]) =>
      kinds.map((kind) => ({ kind, subject: "", message: "", reason: "", wayOut: "", isForbidden: false }));
    equal(leastBump([], "1.0.0"), "none");
    equal(leastBump(changes("patch"), "1.0.0"), "patch");
    equal(leastBump(changes("patch", "minor"), "1.0.0"), "minor");
    equal(leastBump(changes("breaking", "minor"), "1.0.0"), "major");
    equal(leastBump(changes("breaking"), "0.9.0"), "minor");
    equal(isEnough("1.0.0", "1.0.0", "none"), true);
    equal(isEnough("1.0.0", "1.0.0", "patch"), false);
    equal(isEnough("1.0.0", "2.0.0-rc.1", "major"), true);
  });
});

describe("versions", () => {
  const sorted = [
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
  ];

  it("have the order of semver.org", () => {
    for (const [i, a] of sorted.entries())
      for (const [j, b] of sorted.entries()) equal(Math.sign(compareSemver(a, b)), Math.sign(i - j), `${a} and ${b}`);
    equal(compareSemver("1.0.0+one", "1.0.0+two"), 0);
    const files = sorted.map((version) => ({ ...old, model: { ...old.model, schemaVersion: version } }));
    deepEqual(files.toReversed().sort(byVersion), files);
  });

  it("are distinguished from non-changes", () => {
    for (const version of [...sorted, "1.0.0+build.7", "10.20.30"]) ok(isSemver(version), version);
    for (const text of [
      "",
      "1",
      "1.0",
      "1.0.0.0",
      "01.0.0",
      "1.0.0-",
      "1.0.0-01",
      "v1.0.0",
      "1.0.0 ",
      "1.0.0\n",
      `1.0.${"0".repeat(99)}`,
    ])
      ok(!isSemver(text), JSON.stringify(text));
  });

  it("have steps", () => {
    deepEqual(
      [
        ["1.0.0", "2.0.0"],
        ["1.0.0", "1.1.0"],
        ["1.0.0", "1.0.1"],
        ["1.0.0", "1.0.0"],
        ["1.0.0", "0.9.0"],
        ["1.0.0-rc.1", "1.0.0"],
      ].map(([a, b]) => bumpOf(a!, b!)),
      ["major", "minor", "patch", "none", "none", "patch"],
    );
  });
});
