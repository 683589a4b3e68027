// The shared specs, and those for the engine alone, inside the real XS: 64 bits, and 32 bits as on the device.
import { ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { bundleForXs, engine, runInXs } from "./support/xs.ts";

const specs = ["test/xs", "test/engine"].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".spec.ts"))
    .map((name) => `./${folder}/${name}`),
);
const contents = `import { run } from "./test/support/xs-harness.ts";\n${specs.map((spec) => `import ${JSON.stringify(spec)};`).join("\n")}\nawait run();\n`;
const bundle = await bundleForXs({ contents, resolveDir: process.cwd() }, "dist/xs/specs.js");

for (const bits of [32, 64] as const) {
  const { status, stdout, stderr } = runInXs(await engine(bits), bundle);
  const lines = stdout.trim().split("\n");
  const ending = lines.pop()!;

  describe(`inside XS, ${bits} bits`, () => {
    it("runs every case to the end", () => {
      ok(specs.length >= 6, `${specs.length} spec files found`);
      ok(
        status === 0 && ending === `{"cases":${lines.length}}`,
        `exit ${status} after ${lines.length} cases: ${ending}\n${stderr}`,
      );
    });
    for (const line of lines) {
      const { title, error } = JSON.parse(line) as { title: string; error: string };
      it(title, () => ok(error === "", error));
    }
  });
}
