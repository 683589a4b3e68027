// For any valid line of any registry, and any single mistake in it: exactly that is reported.
import assert from "node:assert/strict";
import fc from "fast-check";
import { registries, registry } from "../../host/generated/registry.ts";
import type { Attribute, RegistryModel } from "../../host/registry/model.ts";
import { Validator } from "../../host/validate/validate.ts";
import { arbitraryEvent, type Json, wireKey } from "../support/arbitrary-events.ts";
import { OWN } from "../support/own-model.ts";
import { runs } from "../support/properties.ts";

const MODELS = [...registries, OWN];

/** Every model at once, this one the newest: each line is checked with the version that it names. */
const validators = new Map(
  MODELS.map((model) => [model, new Validator({ registries: [...MODELS.filter((other) => other !== model), model] })]),
);

/** The issues of a single line, with all checks. */
function issuesOf(line: string, model: RegistryModel): string[] {
  const validator = validators.get(model)!;
  validator.beginBoot();
  validator.checkLine(line, 1);
  return validator.takeIssues().map(({ code, attribute }) => `${code} ${attribute ?? "-"}`);
}

interface Mutation {
  readonly line: string;
  readonly expected: string;
}

/** Every single mistake that this line can have, with the expected issue. */
function mutationsOf(event: Json, model: RegistryModel): Mutation[] {
  const found: Mutation[] = [];
  const line = JSON.stringify(event);
  const raw = (expected: string, mutated: string) => found.push({ line: mutated, expected });
  const set = (expected: string, key: string, value: unknown) =>
    raw(expected, JSON.stringify({ ...event, [key]: value }));
  const literal = (expected: string, key: string, text: string) =>
    raw(expected, JSON.stringify({ ...event, [key]: "@@" }).replace('"@@"', text));
  const byKey = new Map(model.attributes.map((attribute) => [attribute.key, attribute]));
  const declared = model.events.find(({ name }) => name === event.event)!.attributes;

  for (const { key, required } of declared) {
    const attribute = byKey.get(key)!;
    if (required)
      raw(
        `E_MISSING ${key}`,
        JSON.stringify(Object.fromEntries(Object.entries(event).filter(([other]) => other !== key))),
      );
    for (const value of wrongTypes(attribute)) set(`E_TYPE ${key}`, key, value);
    if (!(key in event)) continue;
    raw(`W_DUPLICATE ${key}`, line.replace(/}$/, `,${JSON.stringify(key)}:${JSON.stringify(event[key])}}`));
    raw(`W_DUPLICATE ${key}`, line.replace("{", `{${JSON.stringify(key)} : [{"a":{}}], `));
    if (attribute.type === "int") {
      const below = (attribute.least ?? 0) - 1;
      for (const text of [
        `${below}`,
        ...(attribute.most === undefined ? [] : [`${attribute.most + 1}`]),
        "0.5",
        "9007199254740992",
        "9007199254740993",
        "1e400",
        "-1e400",
        "123456789012345678901234567890",
      ])
        literal(`E_RANGE ${key}`, key, text);
    }
    if (attribute.type === "double") for (const text of ["1e400", "-1e999"]) literal(`E_RANGE ${key}`, key, text);
    if (attribute.type === "enum") for (const value of ["none of them", "toString"]) set(`E_ENUM ${key}`, key, value);
    if (attribute.from === "schema_url") set(`E_ENUM ${key}`, key, `${attribute.value}/`);
    if (attribute.maxBytes !== undefined) {
      // For a repeated text, both must be longer.
      const sharing = declared
        .map((each) => byKey.get(each.key)!)
        .filter((each) => wireKey(each) === wireKey(attribute));
      if (sharing.length === 1) set(`W_TEXT_LENGTH ${key}`, key, "ü".repeat(attribute.maxBytes / 2 + 1));
    }
    if (attribute.emptyExactlyWhen !== undefined) {
      const other = attribute.members.find(({ value }) => value !== "")!.value;
      set(`E_RULE ${key}`, key, event[key] === "" ? other : "");
    }
  }
  for (const { key } of declared.filter((each) => byKey.get(each.key)!.absentWhenEmpty)) {
    const mirror = declared
      .map((each) => byKey.get(each.key)!)
      .find((each) => each.key !== key && wireKey(each) === wireKey(byKey.get(key)!))!;
    if (!(mirror.key in event)) continue;
    const members = byKey.get(key)!.members.map(({ value }) => value);
    const others = members.length > 0 ? members : ["", "other"];
    for (const value of others) if (value === "" || value !== event[mirror.key]) set(`E_RULE ${key}`, key, value);
    if (event[mirror.key] !== "") raw(`E_RULE ${key}`, JSON.stringify({ ...event, [key]: undefined }));
  }
  const version = model.attributes.find(({ from }) => from === "schema_version")!.key;
  set("E_EVENT event", "event", `${event.event}.`);
  set(`E_VERSION ${version}`, version, `${model.schemaVersion}.1`);
  for (const key of ["other", "", "constructor", "x".repeat(99)]) set(`W_UNDECLARED ${key}`, key, { a: [1] });
  for (const cut of [1, line.length >> 1, line.length - 1]) raw("E_JSON -", line.slice(0, cut));
  for (const text of ["[]", "null", "7", '"event"', "true"]) raw("E_NOT_OBJECT -", text);
  return found;
}

function wrongTypes({ type }: Attribute): unknown[] {
  const values = { int: 4, double: 0.5, boolean: true, string: "4", array: [], nested: [[{}]], object: {}, null: null };
  const right = type === "enum" ? "string" : type;
  return Object.entries(values)
    .filter(
      ([name]) => name !== right && !(right === "double" && name === "int") && !(right === "int" && name === "double"),
    )
    .map(([, value]) => value);
}

describe("validate, for any registry", () => {
  it("finds nothing wrong with valid events, however their JSON is written", () => {
    for (const model of MODELS) {
      fc.assert(
        fc.property(arbitraryEvent(model), fc.boolean(), fc.nat(5), (event, isReversed, indent) => {
          const entries = Object.entries(event);
          const ordered = Object.fromEntries(isReversed ? entries.reverse() : entries);
          const line = JSON.stringify(ordered, null, indent).replaceAll("\n", " ");
          assert.deepEqual(issuesOf(line, model), [], line);
          const escaped = line.replaceAll(/"(\w)([\w.]*)":/g, (_, first: string, rest: string) => {
            return `"\\u00${first.charCodeAt(0).toString(16)}${rest}":`;
          });
          assert.deepEqual(JSON.parse(escaped), ordered);
          assert.notEqual(escaped, line);
          assert.deepEqual(issuesOf(escaped, model), [], escaped);
        }),
        runs(2000, 250),
      );
    }
  });

  it("reports any single mistake in a valid line, and only that", () => {
    const seen = new Set<string>();
    for (const model of MODELS) {
      fc.assert(
        fc.property(arbitraryEvent(model), (event) => {
          for (const { line, expected } of mutationsOf(event, model)) {
            assert.deepEqual(issuesOf(line, model), [expected], line);
            seen.add(expected.split(" ")[0]!);
          }
        }),
        runs(600, 150),
      );
    }
    const codes = [
      "E_MISSING",
      "E_TYPE",
      "E_RANGE",
      "E_ENUM",
      "E_RULE",
      "E_EVENT",
      "E_VERSION",
      "E_JSON",
      "E_NOT_OBJECT",
    ];
    const warnings = ["W_UNDECLARED", "W_TEXT_LENGTH", "W_DUPLICATE"];
    assert.deepEqual([...seen].sort(), [...codes, ...warnings].sort());
  });

  it("finds every repeated key, and no other, wherever it is and whatever is around it", () => {
    const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(1000, 1e15, 0, -0, "", '":1,"', "\\", '\\"'));
    const pair = fc.tuple(fc.constantFrom("event", "ip", "", "a", '"', "\\", "é", "__proto__"), value);
    fc.assert(
      fc.property(fc.array(pair), fc.constantFrom("", " ", "\t "), arbitraryEvent(registry), (pairs, space, event) => {
        const all = [...pairs, ...Object.entries(event)];
        const text = all.map(([key, each]) => `${JSON.stringify(key)}${space}:${space}${spelled(each)}`);
        const counts = new Map<string, number>();
        for (const [key] of all) counts.set(key, (counts.get(key) ?? 0) + 1);
        const expected = [...counts].filter(([, count]) => count > 1).map(([key]) => `W_DUPLICATE ${key}`);
        const found = issuesOf(`{${text.join(`${space},`)}}`, registry).filter((each) =>
          each.startsWith("W_DUPLICATE"),
        );
        assert.deepEqual(found.sort(), expected.sort());
      }),
      runs(8000, 1000),
    );
  });

  it("finds a repeated key after numbers in short notation", () => {
    const event = {
      event: "ws.connected",
      ts_mono_ms: 1,
      connEpoch: 0,
      eventSeq: 0,
      clientId: 4,
      schemaVersion: "1.0.0",
    };
    const line = JSON.stringify(event);
    for (const number of ["1e15", "1e3", "12e14", "1000", "1E9"]) {
      const long = line.replace('"ts_mono_ms":1,', `"ts_mono_ms":${number},`);
      assert.deepEqual(issuesOf(long, registry), [], long);
      const twice = long.replace('"clientId":4', '"clientId":5,"clientId":4');
      assert.deepEqual(issuesOf(twice, registry), ["W_DUPLICATE clientId"], twice);
    }
  });
});

/** Integers that JSON can say in fewer characters are written so. */
function spelled(value: unknown): string {
  return typeof value === "number" && value !== 0 && value % 1000 === 0 && Number.isInteger(value)
    ? value.toExponential().replace("e+", "e")
    : JSON.stringify(value);
}
