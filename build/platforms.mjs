// The files for the imports `#…` of device code on each platform. For the types, tsconfig.json and src/tsconfig.json repeat it.
// Not in package.json: the published package is bundled and has no such imports, nor the files they would name.
import { resolve } from "node:path";

const IMPORTS = {
  "#emitter": { native: "src/moddable/emitter.ts", default: "src/ring/emitter.ts" },
  "#platform": { moddable: "src/moddable/platform.ts", default: "host/platform/platform.ts" },
  "#message-head": { moddable: "src/moddable/message-head.ts", default: "host/platform/message-head.ts" },
  "#type-search": { native: "src/moddable/type-search.ts", default: "src/adapters/message-type.ts" },
  "#timer": { moddable: "src/moddable/timer.ts", default: "host/platform/timer.ts" },
  "#console": { moddable: "src/moddable/console.ts", default: "host/platform/console.ts" },
  "#frame": { native: "src/moddable/frame.ts", default: "src/drain/frame.ts" },
  "#utf8-length": {
    native: "src/moddable/utf8-length-native.ts",
    moddable: "src/moddable/utf8-length.ts",
    default: "host/platform/utf8-length.ts",
  },
};

/** The switch is in no bundle: everything imports it by this name, so that there is only one. */
export const SWITCH = { file: /\/switch\.ts$/, name: "xs-telemetry/switch" };

/** Files by import, for conditions "moddable", or "native" and "moddable", or none: Node. The first known one decides. */
export function platformFiles(conditions = []) {
  const fileOf = (choices) => choices[conditions.find((condition) => condition in choices) ?? "default"];
  return Object.fromEntries(Object.entries(IMPORTS).map(([name, choices]) => [name, resolve(fileOf(choices))]));
}
