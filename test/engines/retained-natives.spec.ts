// The natives with memory that outlives a reset: what it is for, and that everything else is as without.
import { declareXsCases } from "../support/xs-cases.ts";

const OTHERS = ["vectors", "ring", "readers", "message-type", "connection"].map((name) => `./test/xs/${name}.spec.ts`);
const specs = ["./test/retained/retained.xs.ts", ...OTHERS];

await declareXsCases({ engine: "host", variant: "retained", specs });
await declareXsCases({ engine: "sanitize", variant: "retained", specs: specs.slice(0, 1) });
await declareXsCases({ engine: "rv32", variant: "retained", specs: specs.slice(0, 2) });
