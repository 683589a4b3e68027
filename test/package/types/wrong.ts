// What must not compile: each line after "// TS…" is that error, and there is no other.
import { Reason, Telemetry, type Token } from "xs-telemetry";
import { collect, decode, registry } from "xs-telemetry/host";
import type { TelemetryEvent as SensorEvent } from "./sensor.events.js";
import { Telemetry as Sensor, Severity } from "./sensor.gen.js";

const telemetry = new Telemetry({ capacityBytes: 4096 });
const connection = telemetry.connect(1);
const getStatus = telemetry.messageType("getStatus");

// TS2345: Argument of type '42' is not assignable to parameter of type 'Token'.
connection.received(42);
// TS2345: Argument of type '"getStatus"' is not assignable to parameter of type 'Token'.
connection.sent("getStatus");
// TS2345: Argument of type 'number' is not assignable to parameter of type 'Token'.
connection.answered(getStatus, getStatus + 1);
// TS2345: Argument of type 'Token' is not assignable to parameter of type 'Reason'.
connection.rejected(getStatus, Reason.rateLimit);
// TS2322: Type '3' is not assignable to type 'Token'.
export const token: Token = 3;
// TS2345: Argument of type '7' is not assignable to parameter of type 'Token'.
new Sensor({ capacityBytes: 4096 }).error(Severity.warning, 7);

const { events } = collect(telemetry);
// TS2339: Property 'msgTyp' does not exist on type 'DecodedEvent<TelemetryEvent>'.
export const mistyped = events.map((event) => event.msgTyp);
// TS2339: Property 'msgType' does not exist on type 'DecodedEvent<TelemetryEvent>'.
export const ofOnlySome = events.map((event) => event.msgType);
for (const event of events)
  if (event.event === "msg.recv") {
    // TS2551: Property 'msgTyp' does not exist on type 'MsgRecvEvent & EventContext'. Did you mean 'msgType'?
    event.msgTyp;
    // TS2367: This comparison appears to be unintentional because the types '"" | "rate_limit" | "size_limit" | "parse_error" | "auth_failed"' and '"rateLimit"' have no overlap.
    event.reason === "rateLimit";
    // TS2540: Cannot assign to 'clientId' because it is a read-only property.
    event.clientId = 2;
  }

for await (const item of decode<SensorEvent>([], { registry }))
  if (item.kind === "events")
    for (const event of item.events) {
      // TS2551: Property 'temperature_C' does not exist on type 'SensorReadingEvent & EventContext'. Did you mean 'temperature_c'?
      if (event.event === "sensor.reading") event.temperature_C;
      // TS2367: This comparison appears to be unintentional because the types '"error" | "sensor.reading" | "button.pressed" | "battery"' and '"msg.recv"' have no overlap.
      if (event.event === "msg.recv") break;
    }
