// Plays the board in Node and writes its packets to FILE, for `xs-telemetry decode --registry sensor.yaml FILE`:
// `npx esbuild main.ts --bundle --platform=node --format=esm --packages=external --outfile=main.mjs`, then `node main.mjs FILE`.
import { appendFileSync, writeFileSync } from "node:fs";
import { drainBoard, runBoard } from "./board.ts";
import { Telemetry } from "./telemetry.gen.ts";

const [, , file = "sensor.packets"] = process.argv;
const telemetry = new Telemetry({ capacityBytes: 4096 });
runBoard(telemetry);
writeFileSync(file, "");
drainBoard(telemetry, (packet) => appendFileSync(file, packet));
