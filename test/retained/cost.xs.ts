// Instructions per call, on a ring that has long been full; with the natives that are linked. In the output, by call.
import { Telemetry } from "xs-telemetry";

declare const args: string[];
declare const print: (line: string) => void;
declare const instructions: () => number;

const CALLS = 4000;
const retained = args[0] === "retained";
const telemetry = new Telemetry({ capacityBytes: 4096, ...(retained && { retained }) });
const type = telemetry.messageType("getStatus");
const connection = telemetry.connect(1);
const payload = "0123456789".repeat(3);

function count(call: () => void): number {
  for (let index = 0; index < CALLS; index++) call();
  const before = instructions();
  for (let index = 0; index < CALLS; index++) call();
  return (instructions() - before) / CALLS;
}

let turn = 0;
print(
  JSON.stringify({
    received: count(() => connection.received(type)),
    connected: count(() => connection.connected()),
    text: count(() => connection.received(type, payload)),
    mixed: count(() => connection.received(type, turn++ % 2 ? payload : undefined)),
    answered: count(() => connection.answered(type, type)),
  }),
);
