import { deepEqual, ok } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { readRegistry } from "../../host/registry/load.ts";
import { SCAFFOLD } from "../../host/registry/scaffold.ts";
import { SMALL_REGISTRY } from "../support/small-registry.ts";

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
const hasShape = ajv.compile(JSON.parse(readFileSync("test/registry/weaver-shape.schema.json", "utf8")));
const faults = (text: string): string[] =>
  hasShape(parse(text)) ? [] : hasShape.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);

describe("the shape of Weaver's definition/2", () => {
  const files = readdirSync("registry").filter((name) => name.endsWith(".yaml"));
  ok(files.length > 0);
  for (const name of files)
    it(`is that of registry/${name}`, () => deepEqual(faults(readFileSync(`registry/${name}`, "utf8")), []));

  it("is that of `registry new`, and of a registry with one of everything", () => {
    for (const text of [SCAFFOLD, SMALL_REGISTRY]) deepEqual(faults(text), []);
  });

  const changes: [what: string, from: string, to: string][] = [
    ["another format", "definition/2", "definition/1"],
    ["an unknown key", "\nattributes:", "\nwire: 1\nattributes:"],
    ["an attribute with an unknown key", "brief: Time since boot.", "brief: Time since boot.\n    wire: {}"],
    ["an attribute without a brief", "    brief: Time since boot.\n", ""],
    ["an attribute without a stability", "    stability: stable\n", ""],
    ["an unknown stability", "stability: development", "stability: experimental"],
    ["an unknown type", "type: double", "type: float"],
    ["an enum without members", "      members:\n        - { id: good,", "      values:\n        - { id: good,"],
    ["a member without an id", "{ id: good, value: good,", "{ value: good,"],
    ["a member with an unknown key", "{ id: good, value: good,", "{ id: good, code: 0, value: good,"],
    ["a rename to nothing", "{ reason: renamed, renamed_to: label }", "{ reason: renamed }"],
    ["a deprecation without a note", "{ reason: renamed, renamed_to: label }", "{ reason: obsoleted }"],
    ["an event without a name", "name: station.label", "key: station.label"],
    ["a reference with an unknown key", "{ ref: port,", "{ ref: port, key: port,"],
    ["an unknown requirement level", "requirement_level: opt_in", "requirement_level: optional"],
    ["annotations that are no mapping", "annotations: { wire: { from: time } }", "annotations: [wire]"],
  ];
  for (const [what, from, to] of changes)
    it(`is not that of ${what}, which \`registry check\` refuses too`, () => {
      const text = SMALL_REGISTRY.replace(from, () => to);
      ok(text !== SMALL_REGISTRY);
      ok(faults(text).length > 0);
      ok(readRegistry(text, "my.yaml").mistakes.length > 0);
    });
});
