import { declareXsCases, ENGINE_SPECS, SHARED_SPECS } from "../support/xs-cases.ts";

await declareXsCases({ engine: "host", variant: "typescript", specs: [...SHARED_SPECS, ...ENGINE_SPECS] });
