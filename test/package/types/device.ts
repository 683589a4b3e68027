// What firmware writes. It must compile without Node's types.
import { type Connection, type Counters, Reason, Telemetry, type Token } from "xs-telemetry";
import { consoleSink } from "xs-telemetry/console";
import { Drainer } from "xs-telemetry/drainer";
import { privacy } from "xs-telemetry/privacy";
import { Recorder } from "xs-telemetry/recorder";
import { Telemetry as Sensor, Severity } from "./sensor.gen.js";

const telemetry = new Telemetry({ capacityBytes: 4096, privacy: privacy({ ip: "truncate" }) });
const getStatus: Token = telemetry.messageType("getStatus");
const connection: Connection = telemetry.connect(1, "10.0.0.1");
connection.received(getStatus, "text");
connection.rejected(Reason.rateLimit, 0, new Uint8Array(1));
connection.answered(getStatus, 0);
// A token is a number: what takes numbers takes it.
const index: number = getStatus;
export const names = ["", "getStatus"][index];
export const drainer = new Drainer({ source: telemetry.reader(), open: consoleSink() });
export const counters: Counters = telemetry.counters();
export const recorder: typeof Recorder = Recorder;

const sensor = new Sensor({ capacityBytes: 4096 });
sensor.error(Severity.warning, sensor.token("adc"), "late");
