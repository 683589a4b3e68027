// What an event takes in whole traffics: texts take only the room that they need.
import { ok } from "node:assert/strict";
import { measureTraffic } from "./traffic.ts";

/** Bytes per event; with one record type for all texts they were 78, 57, 36 and 118. */
const MOST: Readonly<Record<string, number>> = {
  demo: 41,
  simulate: 32,
  ota_ws_happy_path: 26,
  zones_happy_path: 83,
};

describe("an event of a traffic", () => {
  it("takes no more bytes than its text needs, in whole slots", async () => {
    const said: string[] = [];
    for (const { scene, recordBytes } of await measureTraffic((line) => said.push(line))) {
      if (recordBytes === null) ok(said.join("\n").includes(`${scene}: not measured`), `${scene}: ${said.join("\n")}`);
      else ok(recordBytes >= 16 && recordBytes <= MOST[scene!]!, `${scene}: ${recordBytes} bytes`);
    }
  });
});
