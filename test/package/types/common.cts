// CommonJS: the package is ES modules, which require() and import() load.
import telemetry = require("xs-telemetry");

export const capacityBytes = 4096;
export const made = new telemetry.Telemetry({ capacityBytes });
export const host = import("xs-telemetry/host");
