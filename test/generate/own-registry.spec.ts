// Writers generated from any registry: emit, packet, decode, validate.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import fc from "fast-check";
import { StreamDecoder } from "../../host/decode/decode.ts";
import { type Issue, Validator } from "../../host/validate/validate.ts";
import { type Call, goodCalls } from "../support/arbitrary-calls.ts";
import { type FieldSpec, KINDS, type RegistrySpec, registries } from "../support/arbitrary-registries.ts";
import { collect } from "../support/decoded.ts";
import { anyCalls, keptOf } from "../support/own-values.ts";
import { OwnDevice } from "../support/own-writers.ts";
import { runs } from "../support/properties.ts";

const withCalls = registries.chain((registry) =>
  fc.record({ registry: fc.constant(registry), calls: goodCalls(registry) }),
);

function linesOf(device: OwnDevice): string[] {
  const decoder = new StreamDecoder({ registry: device.model, output: "lines" });
  const items = [...decoder.push(device.drain()), ...decoder.end()];
  const { problems, summary } = collect(items);
  assert.deepEqual(problems, []);
  assert.equal(summary.unnamedTokens, 0);
  return items.flatMap((item) =>
    item.kind === "lines" ? Buffer.from(item.lines).toString().split("\n").slice(0, -1) : [],
  );
}

async function issuesOf(device: OwnDevice, lines: readonly string[]): Promise<Issue[]> {
  const validator = new Validator({ registries: [device.model], strict: true });
  const issues: Issue[] = [];
  const bytes = Readable.from([
    Buffer.from(
      lines
        .map(
          (line) => `${line}
`,
        )
        .join(""),
    ),
  ]);
  for await (const issue of validator.lines(bytes)) issues.push(issue);
  return issues;
}

describe("writers of a registry of one's own", () => {
  it("give back every value in range, whatever the registry: emitted, drained, decoded and validated", async () => {
    const kinds = new Set<string>();
    await fc.assert(
      fc.asyncProperty(withCalls, async ({ registry, calls }: { registry: RegistrySpec; calls: Call[] }) => {
        const device = new OwnDevice(registry);
        const expected = calls.map((call, number) => {
          device.call(call);
          for (const { key, kind } of call.event.fields) if (key in call.values) kinds.add(kind);
          return JSON.stringify(device.expected(call, number));
        });
        const lines = linesOf(device);
        assert.deepEqual(lines, expected);
        assert.deepEqual(await issuesOf(device, lines), []);
        const { emitted, invalidArguments, suppressed } = device.telemetry.counters();
        assert.deepEqual(
          { emitted, invalidArguments, suppressed },
          { emitted: calls.length, invalidArguments: 0, suppressed: 0 },
        );
      }),
      runs(600, 100),
    );
    assert.deepEqual([...kinds].sort(), [...KINDS].sort(), "every kind was there");
  });

  it("bring what is out of range into it, count it, and never throw or record what does not conform", async () => {
    const withAnyCalls = registries.chain((registry) =>
      fc.record({ registry: fc.constant(registry), calls: anyCalls(registry) }),
    );
    let refusals = 0;
    await fc.assert(
      fc.asyncProperty(withAnyCalls, async ({ registry, calls }) => {
        const device = new OwnDevice(registry);
        const recorded: { call: Call; counted: number }[] = [];
        for (const call of calls) {
          const before = device.telemetry.counters();
          device.call(call);
          const after = device.telemetry.counters();
          const counted = after.invalidArguments - before.invalidArguments;
          if (after.emitted > before.emitted) {
            recorded.push({ call, counted });
            continue;
          }
          refusals++;
          assert.equal(after.suppressed, before.suppressed + 1);
          assert.ok(counted > 0 && mayRefuse(call), "only an enum ends a call");
        }
        assert.ok(
          recorded.every(({ call }) => !mustRefuse(call)),
          "an enum that is none is not recorded",
        );
        if (recorded.length === 0) return;
        const lines = linesOf(device);
        assert.equal(lines.length, recorded.length);
        assert.deepEqual(await issuesOf(device, lines), []);
        for (const [index, { call, counted }] of recorded.entries())
          assertKept(call, counted, JSON.parse(lines[index]!));
      }),
      runs(400, 60),
    );
    assert.ok(refusals > 0, "some calls were refused");
  });
});

const isBadEnum = (field: FieldSpec, value: unknown) =>
  field.kind === "enum" && value !== undefined && keptOf(field, value).value === undefined;
const mayRefuse = ({ event, values }: Call) =>
  event.fields.some((field) => isBadEnum(field, values[field.key]) || field.rule !== undefined);
const mustRefuse = ({ event, values }: Call) =>
  event.fields.some((field) => !field.isOptional && isBadEnum(field, values[field.key]));

/** Checks that the event has as many of the optional values as records can hold, each as it is kept, and that the rest is counted. */
function assertKept({ event, values }: Call, counted: number, decoded: Record<string, unknown>): void {
  const isText = ({ kind }: FieldSpec) => kind === "text" || kind === "ip";
  const given = event.fields.filter(({ key }) => values[key] !== undefined);
  const usable = given.filter((field) => !isText(field) || keptOf(field, values[field.key]).value !== undefined);
  const canCarry = event.combinations
    .filter((keys) => keys.every((key) => usable.some((field) => field.key === key)))
    .map(({ length }) => length);
  const carried = event.fields.filter(({ name }) => name in decoded);
  const optional = carried.filter(({ isOptional }) => isOptional).map(({ key }) => key);
  assert.ok(
    event.combinations.some((keys) => keys.length === optional.length && keys.every((key) => optional.includes(key))),
    "a combination that the registry has",
  );
  assert.equal(optional.length, Math.max(...canCarry), "the longest");
  let expected = 0;
  for (const field of given) {
    const { value, isCounted } = keptOf(field, values[field.key]);
    if (!carried.includes(field)) expected++;
    else {
      expected += Number(isCounted);
      assert.deepEqual(decoded[field.name], isText(field) ? (value ?? "") : value, field.name);
    }
  }
  assert.equal(counted, expected, "counted");
}
