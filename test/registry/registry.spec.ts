import { deepEqual, equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { loadRegistry } from "../../host/registry/load.ts";
import type { RegistryModel } from "../../host/registry/model.ts";

const FILE = "registry/1.0.0.yaml";
const text = readFileSync(FILE, "utf8");
const load = (source: string): RegistryModel => loadRegistry(source, "my.yaml");

describe("registry 1.0.0", () => {
  const model = load(text);

  it("has the five events with their required and optional attributes", () => {
    const always = ["event", "ts_mono_ms", "connEpoch", "eventSeq", "clientId"];
    const required = Object.fromEntries(
      model.events.map(({ name, attributes }) => [
        name,
        attributes.filter((each) => each.required).map(({ key }) => key),
      ]),
    );
    deepEqual(required, {
      "ws.connect": [...always, "schemaVersion"],
      "ws.connected": [...always, "schemaVersion"],
      "ws.disconnect": [...always, "schemaVersion"],
      "msg.recv": [...always, "msgType", "result", "reason", "schemaVersion"],
      "msg.send": [...always, "msgType", "schemaVersion"],
    });
    const optional = Object.fromEntries(
      model.events.map(({ name, attributes }) => [
        name,
        attributes.filter((each) => !each.required).map(({ key }) => key),
      ]),
    );
    deepEqual(optional, {
      "ws.connect": ["ip"],
      "ws.connected": [],
      "ws.disconnect": [],
      "msg.recv": ["payloadSummary"],
      "msg.send": ["payloadSummary"],
    });
  });

  it("has every result and reason, with the rule that ties them", () => {
    const members = (key: string) =>
      model.attributes.find((attribute) => attribute.key === key)!.members.map(({ value, code }) => [value, code]);
    deepEqual(members("result"), [
      ["ok", 0],
      ["rejected", 1],
    ]);
    deepEqual(members("reason"), [
      ["", 0],
      ["rate_limit", 1],
      ["size_limit", 2],
      ["parse_error", 3],
      ["auth_failed", 4],
    ]);
    deepEqual(model.attributes.find(({ key }) => key === "reason")!.emptyExactlyWhen, { key: "result", value: "ok" });
  });

  it("has types, meanings and an OpenTelemetry name for every attribute", () => {
    const types = Object.fromEntries(model.attributes.map(({ key, type }) => [key, type]));
    deepEqual(types, {
      event: "string",
      ts_mono_ms: "int",
      connEpoch: "int",
      eventSeq: "int",
      clientId: "int",
      ip: "string",
      msgType: "string",
      result: "enum",
      reason: "enum",
      payloadSummary: "string",
      schemaVersion: "string",
    });
    for (const { key, brief, otelName } of model.attributes) ok(brief.length > 10 && otelName.length > 3, key);
    const otel = Object.fromEntries(model.attributes.map(({ key, otelName }) => [key, otelName]));
    deepEqual(
      [otel.clientId, otel.ts_mono_ms, otel.connEpoch, otel.ip],
      ["client.id", "monotonic.timestamp", "lw.conn.epoch", "client.address"],
    );
  });

  it("lays records out as docs/format.md says", () => {
    deepEqual(
      model.recordTypes.map(({ id, event, slots, optionals }) => [id, event, slots, optionals[0]]),
      [
        [1, "ws.connect", 1, undefined],
        [2, "ws.connect", 4, "ip"],
        [3, "ws.connected", 1, undefined],
        [4, "ws.disconnect", 1, undefined],
        [5, "msg.recv", 1, undefined],
        [6, "msg.recv", 8, "payloadSummary"],
        [7, "msg.send", 1, undefined],
        [8, "msg.send", 8, "payloadSummary"],
        [9, "ws.connect", 1, "ip"],
        [10, "msg.recv", 1, "payloadSummary"],
        [11, "msg.send", 1, "payloadSummary"],
        ...[2, 3, 4, 5, 6, 7].map((slots) => [10 + slots, "msg.recv", slots, "payloadSummary"]),
        ...[2, 3, 4, 5, 6, 7].map((slots) => [16 + slots, "msg.send", slots, "payloadSummary"]),
        ...[2, 3].map((slots) => [22 + slots, "ws.connect", slots, "ip"]),
      ],
    );
    deepEqual(
      model.recordTypes.slice(11).map(({ shorterThan, fields }) => [shorterThan, fields.at(-1)!.maxBytes]),
      [
        ...[16, 32, 48, 64, 80, 96].map((bytes) => [6, bytes]),
        ...[16, 32, 48, 64, 80, 96].map((bytes) => [8, bytes]),
        ...[16, 32].map((bytes) => [2, bytes]),
      ],
    );
    deepEqual(
      model.recordTypes[5]!.fields.map(({ key, offsetBits, widthBits, maxBytes }) => [
        key,
        offsetBits,
        widthBits,
        maxBytes,
      ]),
      [
        ["result", 40, 4, 0],
        ["reason", 44, 4, 0],
        ["msgType", 48, 16, 0],
        ["clientId", 64, 32, 0],
        ["connEpoch", 96, 32, 0],
        ["payloadSummary", 128, 896, 100],
      ],
    );
  });

  it("keeps its fingerprint, which devices in the field carry", () => {
    equal(model.fingerprint, "72edeb70cd5d84e0a4be8400188ce9bd");
    deepEqual(model.earlierFingerprints, ["4b6858a69ff38dabb0ab2e04fd7509f9"], "before it had types for shorter texts");
  });

  it("uses only keys that Weaver's definition/2 has", () => {
    const allowed: Record<string, string[]> = {
      root: ["file_format", "attributes", "events"],
      attribute: ["key", "type", "stability", "brief", "note", "examples", "annotations", "deprecated"],
      member: ["id", "value", "stability", "brief", "note", "annotations", "deprecated"],
      event: ["name", "stability", "brief", "note", "attributes", "annotations", "deprecated"],
      ref: ["ref", "requirement_level", "brief", "note", "examples", "stability", "annotations", "deprecated"],
    };
    const check = (kind: string, value: object) => {
      for (const key of Object.keys(value)) ok(allowed[kind]!.includes(key), `${kind} has ${key}`);
    };
    const root = parse(text);
    check("root", root);
    for (const attribute of root.attributes) {
      check("attribute", attribute);
      ok(attribute.brief && attribute.stability && attribute.type, attribute.key);
      for (const member of attribute.type.members ?? []) check("member", member);
    }
    for (const event of root.events) {
      check("event", event);
      for (const ref of event.attributes) check("ref", ref);
    }
  });

  it("has a JSON Schema that accepts each event and rejects it without any one of its required attributes", () => {
    const validate = new Ajv2020({ strict: true }).compile(
      JSON.parse(readFileSync("registry/1.0.0.schema.json", "utf8")),
    );
    const sample: Record<string, unknown> = {
      ts_mono_ms: 5,
      connEpoch: 0,
      eventSeq: 1,
      clientId: 2,
      ip: "::1",
      msgType: "",
      result: "rejected",
      reason: "rate_limit",
      payloadSummary: "",
      schemaVersion: "1.0.0",
    };
    for (const { name, attributes } of model.events) {
      const event = Object.fromEntries(attributes.map(({ key }) => [key, key === "event" ? name : sample[key]]));
      ok(validate(event), `${name}: ${JSON.stringify(validate.errors)}`);
      for (const { key, required } of attributes) {
        const { [key]: _, ...without } = event;
        equal(validate(without), !required, `${name} without ${key}`);
      }
    }
    const message = { ...sample, event: "msg.recv", ip: undefined };
    equal(validate(JSON.parse(JSON.stringify({ ...message, result: "ok" }))), false, "a reason though ok");
    equal(validate(JSON.parse(JSON.stringify({ ...message, reason: "" }))), false, "no reason though rejected");
  });
});
