// A registry unlike the bundled one: every type of value, names of a later version, spans of two kinds.
import type { Attribute, EventModel, RegistryModel } from "../../host/registry/model.ts";

type Settings = Partial<Attribute> & { readonly values?: readonly string[] };

function attribute(key: string, type: Attribute["type"], { values = [], ...settings }: Settings = {}): Attribute {
  const members = values.map((value, code) => ({ value, code, id: `m${code}`, brief: "A member." }));
  return { key, type, members, brief: "A value.", note: "", examples: [], otelName: "", otelNote: "", ...settings };
}

const STATES = ["fine", "broken"];
const CAUSES = ["", "heat", "cable"];

const common = ["event", "up_ms", "n"];
const run = ["board.id", "board.slot", "run.id"];
const event = (name: string, required: readonly string[], optional: readonly string[] = []): EventModel => ({
  name,
  brief: "An event.",
  attributes: [
    ...[...common, ...required].map((key) => ({ key, required: true })),
    ...optional.map((key) => ({ key, required: false })),
    { key: "schemaVersion", required: true },
    { key: "schemaUrl", required: true },
  ],
});

/** Version 7.0.0. A run of a board in a slot, and a `tick.*` of the whole boot, which has no ready. */
export const OWN: RegistryModel = {
  schemaVersion: "7.0.0",
  fingerprint: "0".repeat(32),
  attributes: [
    attribute("event", "string", { from: "event_name" }),
    attribute("t", "int", { from: "time", renamedTo: "up_ms" }),
    attribute("up_ms", "int", { sameAs: "t" }),
    attribute("n", "int", { from: "sequence" }),
    attribute("board", "int", { renamedTo: "board.id" }),
    attribute("board.id", "int", { sameAs: "board" }),
    attribute("board.slot", "enum", { values: ["left", "right"] }),
    attribute("run.id", "int"),
    attribute("tick.id", "int", { least: -(2 ** 31) }),
    attribute("celsius", "double"),
    attribute("offset", "int", { least: -(2 ** 31) }),
    attribute("is_on", "boolean"),
    attribute("state", "enum", { values: STATES }),
    attribute("why", "enum", { values: CAUSES, renamedTo: "cause" }),
    attribute("cause", "enum", {
      values: CAUSES,
      sameAs: "why",
      emptyExactlyWhen: { key: "state", value: "fine" },
    }),
    attribute("error.type", "enum", { values: CAUSES, sameAs: "why", absentWhenEmpty: true }),
    attribute("label", "string", { maxBytes: 20 }),
    attribute("label.shown", "string", { maxBytes: 20, sameAs: "label", absentWhenEmpty: true }),
    attribute("schemaVersion", "string", { from: "schema_version", value: "7.0.0" }),
    attribute("schemaUrl", "string", { from: "schema_url", value: "https://example.com/schemas/7.0.0" }),
  ],
  events: [
    { ...event("run.begin", run), span: { step: "begin", keys: run } },
    { ...event("run.ready", run), span: { step: "ready", keys: run } },
    {
      ...event("run.reading", [...run, "celsius", "offset", "is_on", "state", "cause"], ["error.type", "label"]),
      span: { step: "inside", keys: run, beforeReady: { key: "cause", value: "heat" } },
    },
    { ...event("run.end", run), span: { step: "end", keys: run } },
    { ...event("tick.begin", ["tick.id"]), span: { step: "begin", keys: ["tick.id"] } },
    { ...event("tick.inside", ["tick.id"], ["label", "label.shown"]), span: { step: "inside", keys: ["tick.id"] } },
    { ...event("tick.end", ["tick.id"]), span: { step: "end", keys: ["tick.id"] } },
    event("alone", ["label"], ["celsius"]),
  ],
  recordTypes: [],
};
