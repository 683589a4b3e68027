#!/usr/bin/env node
/** Runs first: if the command's own files cannot be opened, it says so in its own words instead of Node's. */
import { tooManyFiles } from "./text/io-error.ts";

try {
  await import("./cli.ts");
} catch (error) {
  const refusal = tooManyFiles(error);
  if (refusal === undefined) throw error;
  process.stderr.write(`xs-telemetry: ${refusal.code}: ${refusal.message}\n`);
  process.exitCode = refusal.exitCode;
}
