import { declareXsCases, HOSTILE_SPECS, MODEL_SPEC, ROOM, SHARED_SPECS } from "../support/xs-cases.ts";

// Of code without a part in C but for frames, which frame.spec.ts has; what they allocate is more than AddressSanitizer can keep.
const WITHOUT_C = /\/(drainer|drainer-failures|sinks|mqtt-sink|listeners|flash)\.spec\.ts$/;
// XS allocates differently there, so the allocations of a call mean nothing.
const specs = [...SHARED_SPECS.filter((spec) => !WITHOUT_C.test(spec)), ...HOSTILE_SPECS];

await declareXsCases({ engine: "sanitize", variant: "native", specs, options: ROOM });
// A small heap: all of it is collected each time.
const options = ["--stress", "--slots", "20000", ...ROOM];
await declareXsCases({ engine: "sanitize", variant: "native", specs: [...HOSTILE_SPECS, MODEL_SPEC], options });
