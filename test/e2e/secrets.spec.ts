// In Node: the path of a secret from the emitter to the computer. What the emitter itself keeps: test/xs/secrets.spec.ts.
import { ok } from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Telemetry, type TelemetryOptions } from "xs-telemetry";
import { CaptureWriter, decodePath, registry } from "xs-telemetry/host";
import { maxFrameBytes, writeFrame } from "../../src/drain/frame.ts";
import { drain } from "../support/emit.ts";
import { holdsAny, policies, tell } from "../support/secrets.ts";

const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-secrets-"));
after(() => rmSync(folder, { recursive: true }));

let captures = 0;

/** Every place that has part of the secret. */
async function places(options: Partial<TelemetryOptions>, made: (telemetry: Telemetry) => void): Promise<string[]> {
  const telemetry = new Telemetry({ capacityBytes: 65_536, ...options });
  made(telemetry);
  const reader = telemetry.reader();
  tell(telemetry);
  const packets = drain(reader);
  ok(packets.length > 0, `${packets.length} packets`);

  const found: string[] = [];
  const look = (place: string, bytes: Uint8Array) => {
    if (holdsAny(bytes) && !found.includes(place)) found.push(place);
  };
  const path = join(folder, `capture-${++captures}`);
  const writer = new CaptureWriter(path, { registry });
  for (const packet of packets) {
    look("packets", packet);
    const frame = new Uint8Array(maxFrameBytes(packet.length));
    look("frames", frame.subarray(0, writeFrame(packet, packet.length, frame)));
    writer.write(packet);
  }
  writer.close();
  let files = 0;
  for (const name of readdirSync(path, { recursive: true, encoding: "utf8" }))
    if (statSync(join(path, name)).isFile() && ++files) look("capture", readFileSync(join(path, name)));
  ok(files >= 2, `${files} files in the capture`);
  for await (const item of decodePath(path, { registry }))
    if (item.kind === "batch") look("lines", item.lines);
    else if (item.kind === "events") look("lines", Buffer.from(JSON.stringify(item.events)));
  return found;
}

describe("a secret on its way to the computer", () => {
  it('is found everywhere with "keep", so that the search is one', async () => {
    const found = await places({}, () => undefined);
    for (const place of ["packets", "frames", "capture", "lines"]) ok(found.includes(place), `in ${place}`);
  });

  let emitter: Telemetry | undefined;
  const all = policies(() => emitter!);
  for (const [name, options] of Object.entries(all))
    it(`is in no packet, frame, capture or line with ${name}`, async () => {
      const found = await places(options, (telemetry) => {
        emitter = telemetry;
      });
      ok(found.length === 0, `in ${found.join(", ")}`);
    });
});
