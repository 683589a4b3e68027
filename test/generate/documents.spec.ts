// What is generated for people and tools from any registry: CTF metadata, JSON Schema, TypeScript, Markdown.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import ts from "typescript";
import { CaptureWriter } from "../../host/capture/capture-writer.ts";
import { referenceDocument, schemaDocument } from "../../host/generate/documents.ts";
import { eventTypesSource } from "../../host/generate/typescript.ts";
import { writersSource } from "../../host/generate/writers.ts";
import { loadRegistry } from "../../host/registry/load.ts";
import { type Call, goodCalls } from "../support/arbitrary-calls.ts";
import { registries } from "../support/arbitrary-registries.ts";
import { babeltrace } from "../support/babeltrace.ts";
import { decoded } from "../support/decoded.ts";
import { OwnDevice } from "../support/own-writers.ts";
import { runs } from "../support/properties.ts";

const withCalls = registries.chain((registry) =>
  fc.record({ registry: fc.constant(registry), calls: goodCalls(registry) }),
);

/** Asserts that babeltrace2 shows a call's values. It prints six digits of a fraction. */
function assertShown({ event, values }: Call, shown: Readonly<Record<string, unknown>>): void {
  const given = event.fields.filter(({ key }) => values[key] !== undefined);
  const identifiers = given.map(({ key }) => key.replaceAll(".", "_"));
  const named = Object.keys(shown).filter((key) => !/^unused_\d+$/.test(key));
  assert.deepEqual(named.sort(), [...identifiers].sort());
  given.forEach(({ key, kind }, index) => {
    const value = values[key];
    const seen = shown[identifiers[index]!];
    if (kind === "f32" || kind === "f64") {
      const exact = kind === "f32" ? Math.fround(value as number) : (value as number);
      assert.ok(Math.abs((seen as number) - exact) <= Math.abs(exact) * 1e-5, `${key}: ${seen} for ${exact}`);
    } else assert.equal(seen, typeof value === "number" ? value : String(value), key);
  });
}

describe("what is generated from any registry", () => {
  let dir = "";
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "xs-telemetry-own-"));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("CTF metadata, with which babeltrace2 shows the values that were given", () => {
    let run = 0;
    fc.assert(
      fc.property(withCalls, ({ registry, calls }) => {
        const device = new OwnDevice(registry);
        const times = calls.map((call) => {
          device.call(call);
          return device.clock.ms;
        });
        const folder = join(dir, `capture-${run++}`);
        const writer = new CaptureWriter(folder, { registry: device.model });
        const reader = device.telemetry.reader();
        const buffer = new Uint8Array(1400);
        for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer))
          writer.write(buffer.subarray(0, bytes));
        writer.close();
        const { events, complaints, notices } = babeltrace(folder);
        assert.deepEqual([complaints, notices], [[], []]);
        assert.equal(events.length, calls.length);
        for (const [index, call] of calls.entries()) {
          const { name, timeMs, fields } = events[index]!;
          assert.deepEqual([name, timeMs], [call.event.name, times[index]]);
          assertShown(call, fields);
        }
      }),
      runs(160, 15),
    );
  });

  it("JSON Schema, to which decoded events conform and those with a value changed do not", () => {
    let refused = 0;
    fc.assert(
      fc.property(withCalls, ({ registry, calls }) => {
        const device = new OwnDevice(registry);
        for (const call of calls) device.call(call);
        const conforms = new Ajv2020({ allErrors: true }).compile(schemaDocument(device.model));
        for (const event of decoded(device.drain(), { registry: device.model }).events) {
          assert.ok(conforms(event), `${JSON.stringify(event)}: ${JSON.stringify(conforms.errors)}`);
          for (const key of Object.keys(event)) {
            assert.ok(!conforms({ ...event, [key]: null }), `${key} is null`);
            refused++;
          }
        }
      }),
      runs(100, 12),
    );
    assert.ok(refused > 0);
  });

  it("TypeScript in which the compiler finds nothing wrong, with types that decoded events have", () => {
    const folder = "dist/test-own-registry"; // within the package, which the modules import by its name
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    fc.assert(
      fc.property(fc.array(withCalls, { minLength: 12, maxLength: 12 }), (each) => {
        const files = each.flatMap(({ registry, calls }, index) => {
          const device = new OwnDevice(registry);
          for (const call of calls) device.call(call);
          const { events } = decoded(device.drain(), { registry: device.model });
          const types = eventTypesSource(device.model, "own.yaml", "a test");
          const paths = ["writers", "events"].map((name) => join(folder, `${name}-${index}.ts`));
          writeFileSync(paths[0]!, writersSource(device.model, "own.yaml"));
          writeFileSync(
            paths[1]!,
            `${types}\nexport const events: readonly TelemetryEvent[] = ${JSON.stringify(events)};\n`,
          );
          return paths;
        });
        assert.deepEqual(compilerComplaints(files), []);
      }),
      { numRuns: 1, endOnFailure: true },
    );
    writeFileSync(join(folder, "wrong.ts"), 'import { Recorder } from "xs-telemetry/recorder";\nnew Recorder();\n');
    assert.ok(compilerComplaints([join(folder, "wrong.ts")]).length > 0, "the compiler is asked");
  });

  it("the same text each time, with the source's name, and none of the registry's text can leave its comment", () => {
    // The brief of each event begins so.
    const yaml = fc.sample(registries, { seed: 1, numRuns: 1 })[0]!.yaml.replaceAll("What ", "Ends */ here. ");
    const model = loadRegistry(yaml, "own.yaml");
    const makers = [
      writersSource,
      (...each: Parameters<typeof writersSource>) => eventTypesSource(...each, "a test"),
      referenceDocument,
    ];
    for (const make of makers) {
      const text = make(model, "own.yaml");
      assert.equal(make(loadRegistry(yaml, "own.yaml"), "own.yaml"), text);
      assert.match(text.split("\n")[0]!, / own\.yaml\b/);
      assert.ok(!text.includes("Ends */ here") || make === referenceDocument, text);
    }
  });
});

function compilerComplaints(files: readonly string[]): string[] {
  const program = ts.createProgram(files, {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ["lib.es2022.d.ts"],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
    noImplicitReturns: true,
    isolatedModules: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    noEmit: true,
  });
  return ts
    .getPreEmitDiagnostics(program)
    .map(
      ({ file, start, messageText }) =>
        `${file?.fileName} ${start}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`,
    );
}
