// `npm run lint`: format and lint rules, directions of imports, types of device, host and firmware examples, generated files. Types need what is shipped, so it builds first.
import { allOrExit, step } from "./run.mjs";

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
