/**
 * Which folder may import from which: a folder imports from its own, and from any level below. `npm run lint` holds it, types included,
 * and names both files of a breach. What is on the device knows nothing of what is on a computer.
 */
const LEVELS = [
  ["host/start.ts"],
  ["host/cli.ts"],
  ["host/index.ts", "host/commands"],
  ["host/forward"],
  ["host/view", "host/export"],
  ["host/read"],
  ["host/decode", "host/generate"],
  ["host/capture", "host/simulate", "host/board"],
  ["host/receive"],
  ["host/packet", "host/validate", "host/migrate"],
  ["host/generated"],
  ["host/registry", "host/adapters", "host/io", "host/platform"],
  ["host/text"],
  ["src/recorder.ts", "src/adapters"],
  ["src/index.ts"],
  ["src/telemetry.ts"],
  ["src/flash", "src/privacy", "src/moddable"],
  ["src/drain"],
  ["src/ring"],
  ["src/generated"],
];

const ours = (places) =>
  `^(${places.map((place) => place.replace(/\./g, "\\.").replace(/$/, place.endsWith(".ts") ? "$" : "/")).join("|")})`;

const directions = LEVELS.flatMap((level, index) =>
  level.map((place) => ({
    name: `${place} imports downwards`,
    severity: "error",
    from: { path: ours([place]) },
    to: { path: "^(host|src)/", pathNot: ours([place, ...LEVELS.slice(index + 1).flat()]) },
  })),
);

export default {
  forbidden: [
    { name: "no circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "every file has a level",
      severity: "error",
      from: { path: "^(host|src)/", pathNot: ours(LEVELS.flat()) },
      to: {},
    },
    {
      name: "every import is found",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^(#|time$|timer$|text/encoder$|xs-telemetry)" },
    },
    ...directions,
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|node_modules)/" },
  },
};
