// `npm run lint`: format and lint rules, types of device, host and firmware examples, generated files. Types need what is shipped, so it builds first.
import { step } from "./run.mjs";

step("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", ".");
step("build/build.mjs");
step("node_modules/typescript/bin/tsc", "-p", "src/tsconfig.json");
step("node_modules/typescript/bin/tsc", "-p", "tsconfig.json");
step("node_modules/typescript/bin/tsc", "-p", "examples/tsconfig.json");
step("build/generate.mjs", "--check");
