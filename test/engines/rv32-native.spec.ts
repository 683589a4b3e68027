import { declareXsCases, ENGINE_SPECS, SHARED_SPECS } from "../support/xs-cases.ts";

await declareXsCases({ engine: "rv32", variant: "native", specs: [...SHARED_SPECS, ...ENGINE_SPECS] });
