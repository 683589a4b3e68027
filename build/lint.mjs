// `npm run lint`: long files, format and lint rules, directions of imports, types of device, host and firmware examples, generated files.
// It builds first, because types need the shipped files.
import { readdirSync, readFileSync } from "node:fs";
import { allOrExit, step } from "./run.mjs";

/**
 * Most lines of a file without a reason. A longer file states its reason in the comment at its top, in a sentence that begins "One file,
 * because".
 */
const MOST_LINES = 400;

const long = [];
for (const folder of ["src", "host", "test", "build"])
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!/\.(ts|mjs|js|c|h)$/.test(name) || /\bgenerated\b|\.gen\.ts$/.test(name)) continue;
    const text = readFileSync(`${folder}/${name}`, "utf8");
    const lines = text.split("\n").length - 1;
    const [comment] = /^(\/\/.*\n|\/\*[\s\S]*?\*\/\n)*/.exec(text);
    if (lines > MOST_LINES && !comment.includes("One file, because"))
      long.push(
        `${folder}/${name}: ${lines} lines, at most ${MOST_LINES}: part it, or say at its top: One file, because …`,
      );
  }
if (long.length > 0) {
  console.error(long.join("\n"));
  process.exit(1);
}

step("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".");
step("node_modules/dependency-cruiser/bin/dependency-cruise.mjs", "--config", ".dependency-cruiser.mjs", "src", "host");
step("build/build.mjs");
const types = (project) => ["node_modules/typescript/bin/tsc", "-p", project];
await allOrExit(
  types("src/tsconfig.json"),
  types("tsconfig.json"),
  types("host/view/page/tsconfig.json"),
  types("examples/tsconfig.json"),
);
step("build/generate.mjs", "--check");
