#!/usr/bin/env node
/** What runs first: it says what is wrong where the command's own files cannot be opened, in words and not as Node does. */
import { tooManyFiles } from "./text/io-error.ts";

try {
  await import("./cli.ts");
} catch (error) {
  const refusal = tooManyFiles(error);
  if (refusal === undefined) throw error;
  process.stderr.write(`xs-telemetry: ${refusal.code}: ${refusal.message}\n`);
  process.exitCode = refusal.exitCode;
}
