// Somebody replaces folders and files of a capture by links out of it, as fast as a process can, while it is written and read.
import { equal, ok } from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector, decodePath, listBoots, registry } from "xs-telemetry/host";
import {
  ANCHORS_FILE,
  DEVICE_FILE,
  LOG_FILE,
  METADATA_FILE,
  SIDE_FOLDER,
  STREAM_FILE,
  TOKENS_FILE,
} from "../../host/capture/folder.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { PacketSource, randomIntegers } from "../support/packets.ts";
import { endsWithUs } from "../support/processes.ts";

const PACKETS_OF_ROUND = 300;
const SECRET = '{"secret":"of somebody else"}\n';

/** In a separate process: each of the paths becomes, again and again, a link to the same place in another folder. */
const SWAPPER = `
const { renameSync, symlinkSync, unlinkSync, writeFileSync } = require("node:fs");
const [outside, ...paths] = process.argv.slice(1);
let swaps = 0;
const on = (path) => {
  const kept = path + ".kept";
  try {
    renameSync(path, kept);
    symlinkSync(outside, path);
    swaps++;
    unlinkSync(path);
    renameSync(kept, path);
  } catch {
    try { unlinkSync(path); } catch {}
    try { renameSync(kept, path); } catch {}
  }
};
process.on("SIGTERM", () => process.stdout.write(String(swaps), () => process.exit()));
process.stdout.write("begun\\n");
const turn = () => {
  for (let count = 0; count < 50; count++) for (const path of paths) on(path);
  setImmediate(turn);
};
turn();
`;

describe("a capture whose parts somebody swaps for links out of it", () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-swaps-"));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it("writes nothing out there and reads nothing from there, whenever it happens", async function () {
    this.timeout(1_200_000);
    const random = randomIntegers(seedFor(91));
    let swapped = 0;
    for (const round of campaign("captures whose parts are swapped for links meanwhile", 200, 3)) {
      const dir = join(root, String(round), "c");
      const outside = join(root, String(round), "outside");
      mkdirSync(join(outside, SIDE_FOLDER), { recursive: true });
      const files = [STREAM_FILE, TOKENS_FILE, DEVICE_FILE, LOG_FILE, ANCHORS_FILE, METADATA_FILE];
      for (const name of files) writeFileSync(join(outside, name), SECRET);
      const all = new Collector(dir, { registry, reorderPackets: 0, rotateBytes: 20_000 });
      const source = new PacketSource({ bootId: 5 });
      let types = 0;
      let time = 0;
      const write = () => {
        if (random(20) === 0) all.packet("a", source.tokens([[++types, `type ${types}`]]).bytes, 1000);
        all.packet("a", source.data([{ event: "msg.send", time: time++, token: types }]).bytes, 1000);
        if (random(4) === 0) all.text("a", "log text", 1000);
        if (random(10) === 0) all.tick(1000 + time);
        if (random(40) === 0) all.clockSet(time);
      };
      write();
      all.tick(5000);
      const device = join(dir, "a");
      const boot = listBoots(device)[0]!.path;
      const target = [
        [boot, outside],
        [device, outside],
        [dir, outside],
        [join(boot, STREAM_FILE), join(outside, STREAM_FILE)],
        [join(boot, SIDE_FOLDER), join(outside, SIDE_FOLDER)],
        [join(device, LOG_FILE), join(outside, LOG_FILE)],
      ][random(6)]!;
      const swapper = endsWithUs(
        spawn(process.execPath, ["-e", SWAPPER, target[1]!, target[0]!], { stdio: ["ignore", "pipe", "inherit"] }),
      );
      await once(swapper.stdout!, "data");
      let refused = 0;
      for (let count = 0; count < PACKETS_OF_ROUND; count++) {
        try {
          write();
        } catch (error) {
          ok(/^E_WRITE$/.test((error as { code: string }).code), String((error as Error).stack));
          refused++;
        }
        if (count % 60 === 0)
          try {
            for await (const item of decodePath(device, { registry }))
              ok(!JSON.stringify(item).includes("secret"), JSON.stringify(item));
          } catch (error) {
            ok(
              (error as { exitCode?: number }).exitCode !== undefined ||
                (error as { code?: string }).code !== undefined,
              String((error as Error).stack),
            );
          }
      }
      swapper.kill();
      const [said] = await once(swapper.stdout!, "data");
      swapped += Number(said);
      try {
        all.close();
      } catch (error) {
        equal((error as { code: string }).code, "E_WRITE");
      }
      ok(refused <= PACKETS_OF_ROUND);
      equal(readdirSync(outside, { recursive: true }).sort().join(), [...files, SIDE_FOLDER].sort().join());
      for (const name of files) equal(readFileSync(join(outside, name), "utf8"), SECRET, name);
      rmSync(join(root, String(round)), { recursive: true, force: true });
      ok(!existsSync(outside));
    }
    ok(swapped > 0, "swaps were made");
  });
});
