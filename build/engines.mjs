// Builds every engine that tests and benchmarks use, each with and without the natives; what is in the cache stays.
import { nativeFiles, otherNativeFiles } from "./natives.mjs";
import { rv32Machine } from "./rv32/setup.mjs";
import { xsHost } from "./xs/setup.mjs";
import { xtensaMachine } from "./xtensa/setup.mjs";

try {
  for (const natives of [[], [...nativeFiles, ...otherNativeFiles], nativeFiles]) {
    await xsHost({ natives });
    await rv32Machine({ natives });
  }
  for (const natives of [[], nativeFiles]) await xtensaMachine({ natives });
  for (const natives of [[], [...nativeFiles, ...otherNativeFiles]]) await xsHost({ sanitize: true, natives });
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
