// The shared specs, and those for the engine alone, inside the real XS: 64 bits, and 32 bits as on the device; both emitters.
import { ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { bundleForXs, engine, runInXs, type Variant } from "./support/xs.ts";

const inFolder = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".spec.ts"))
    .map((name) => `./${folder}/${name}`);
const shared = inFolder("test/xs");
const hostile = "./test/engine/hostile.spec.ts";
const all = [...shared, ...inFolder("test/engine")];
/** Of code without a part in C but for frames, which frame.spec.ts has; what they allocate is more than AddressSanitizer can keep. */
const WITHOUT_C = /\/(drainer|sinks|mqtt-sink|flash|websocket|websocket-419|message-type)\.spec\.ts$/;
const withC = shared.filter((spec) => !WITHOUT_C.test(spec));

interface Run {
  title: string;
  variant: Variant;
  bits: 32 | 64;
  sanitize?: boolean;
  specs: string[];
  options?: string[];
}

const SANITIZED = { variant: "native", bits: 64, sanitize: true } as const;
/** AddressSanitizer keeps what was freed. */
const ROOM = ["--limit", "8000000000"];
const RUNS: Run[] = [
  { title: "typescript, 32 bits", variant: "typescript", bits: 32, specs: all },
  { title: "typescript, 64 bits", variant: "typescript", bits: 64, specs: all },
  { title: "native, 32 bits", variant: "native", bits: 32, specs: all },
  { title: "native, 64 bits", variant: "native", bits: 64, specs: all },
  // There XS allocates otherwise, so that what a call allocates says nothing.
  { ...SANITIZED, title: "native, AddressSanitizer and UBSan", specs: [...withC, hostile], options: ROOM },
  {
    ...SANITIZED,
    title: "native, a collection before each allocation",
    specs: [hostile],
    options: ["--stress", ...ROOM],
  },
];

for (const { title, variant, bits, sanitize = false, specs, options } of RUNS) {
  const imports = specs.map((spec) => `import ${JSON.stringify(spec)};`).join("\n");
  const contents = `import { run } from "./test/support/xs-harness.ts";\n${imports}\nawait run();\n`;
  const file = `dist/xs/specs-${title.replace(/\W+/g, "-")}.js`;
  const bundle = await bundleForXs({ contents, resolveDir: process.cwd() }, file, variant);
  const args = [variant, options?.includes("--stress") ? "stress" : ""];
  const { status, stdout, stderr } = runInXs(await engine(bits, { variant, sanitize }), bundle, args, options);
  const lines = stdout.trim().split("\n");
  const ending = lines.pop()!;

  describe(`inside XS, ${title}`, () => {
    it("runs every case to the end", () => {
      ok(all.length >= 7, `${all.length} spec files found`);
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
