// What a retained ring costs, and that it costs nothing if it is not used.
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { bundleForXs, engine, type Variant } from "../support/xs.ts";

/** Of issue and contract: a call of a retained emitter. */
const MOST_MORE = 20;

async function counted(variant: Variant): Promise<Record<string, number>> {
  const { run } = await engine("rv32", variant, true);
  const bundle = await bundleForXs("./test/retained/cost.xs.ts", `dist/xs/specs/cost-${variant}.js`, variant);
  const { status, stdout, stderr } = await run(bundle, [variant], []);
  equal(status, 0, stderr);
  return JSON.parse(stdout);
}

describe("a retained ring", function () {
  this.timeout(300_000);

  it(`costs at most ${MOST_MORE} instructions a call more`, async () => {
    const [without, withIt] = [await counted("native"), await counted("retained")];
    for (const [call, instructions] of Object.entries(withIt)) {
      const events = call === "answered" ? 2 : 1;
      const more = (instructions - without[call]!) / events;
      ok(more > 0 && more <= MOST_MORE, `${call}: ${without[call]} without, ${instructions} with it`);
    }
  });

  it("is refused by natives that do not have it, with what to include", async () => {
    const contents = `import { Telemetry } from "xs-telemetry";
      for (const retained of [true, false])
        try { new Telemetry({ capacityBytes: 256, retained }); print("made"); } catch (error) { print(String(error)); }`;
    const { run } = await engine("host", "native");
    const input = { contents, resolveDir: process.cwd() };
    const { stdout } = await run(await bundleForXs(input, "dist/xs/specs/retained-refused.js", "native"), []);
    const refused = "RangeError: retained needs manifests/retained.json of xs-telemetry in the firmware's manifest";
    deepEqual(stdout.trim().split("\n"), [refused, refused]);
  });

  it("has no byte in a firmware that does not ask for it", () => {
    const folder = "dist/test-retained-none";
    mkdirSync(folder, { recursive: true });
    const compiler = "riscv64-unknown-elf-gcc";
    const flags = ["-march=rv32imac", "-mabi=ilp32", "--specs=picolibc.specs", "-Os", "-Itest/retained/bare"];
    for (const file of readdirSync("src/moddable/retained").filter((name) => name.endsWith(".c"))) {
      const object = `${folder}/${file}.o`;
      execFileSync(compiler, [...flags, "-c", `src/moddable/retained/${file}`, "-o", object]);
      const [, sizes] = execFileSync("riscv64-unknown-elf-size", [object], { encoding: "utf8" }).split("\n");
      equal(sizes!.trim().split(/\s+/).slice(0, 3).join(), "0,0,0", file);
    }
    for (const file of ["telemetryRing.c", "telemetryReader.c", "telemetryTokens.c"]) {
      const text = execFileSync(compiler, [...flags, "-E", "-P", `src/moddable/native/${file}`], { encoding: "utf8" });
      ok(!/kept|retained|claimed|borrowed/i.test(text), file);
    }
  });
});
