// Writers generated from any registry: emit, packet, decode, validate.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import fc from "fast-check";
import { StreamDecoder } from "../host/decode.ts";
import { type Issue, Validator } from "../host/validate.ts";
import { type Call, goodCalls, KINDS, type RegistrySpec, registries } from "./support/arbitrary-registries.ts";
import { collect } from "./support/decoded.ts";
import { OwnDevice } from "./support/own-writers.ts";

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
      { numRuns: 200 },
    );
    assert.deepEqual([...kinds].sort(), [...KINDS].sort(), "every kind was there");
  });
});
