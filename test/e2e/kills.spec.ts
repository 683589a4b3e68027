// `capture` killed while it writes, at any moment: what is there is intact, and stays so when the rest is captured beside it.
import { deepEqual, equal, ok } from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector, Deframer, decodePath, listBoots, registry } from "xs-telemetry/host";
import { random } from "../support/assert.ts";
import { campaign, seedFor } from "../support/campaign.ts";
import { Run } from "../support/command.ts";
import { drain, emitter } from "../support/emit.ts";
import { frame } from "../support/frames.ts";
import { pause } from "../support/processes.ts";

const PIECE_BYTES = 16 * 1024;
const BOOTS = [11, 12, 13];
/** Wherever it is killed, it is in the middle of a part, of the tokens at the beginning of one, or between two. */
const ROTATE_BYTES = 64 * 1024;

/** The content of a line that three devices share with their log text, and the events of each. */
function traffic(): { wire: Buffer; events: Map<number, number> } {
  const { below } = random(31);
  const parts: Buffer[] = [];
  const events = new Map<number, number>();
  const boots = BOOTS.map((bootId) => emitter({ bootId, capacityBytes: 1 << 16 }));
  for (let turn = 0; turn < 200; turn++) {
    const index = below(boots.length);
    const { telemetry, reader, clock } = boots[index]!;
    const connection = telemetry.connect(turn, "10.0.0.1");
    let count = 1;
    for (; count < 40; count++) connection.sent(telemetry.messageType(`type ${below(60)}`), "payload");
    clock.ms += below(50);
    events.set(BOOTS[index]!, (events.get(BOOTS[index]!) ?? 0) + count);
    for (const packet of drain(reader, 1400))
      parts.push(frame(packet), Buffer.from(`I (${clock.ms}) app: turn ${turn}\n`));
  }
  return { wire: Buffer.concat(parts), events };
}

/** Event numbers of each boot in a folder, in order. Nothing may be wrong in it. */
async function numbersIn(folder: string): Promise<Map<number, number[]>> {
  const numbers = new Map<number, number[]>(BOOTS.map((bootId) => [bootId, []]));
  for await (const item of decodePath(folder, { registry })) {
    if (item.kind === "problem") throw new Error(`${item.problem.code}: ${item.problem.message}`);
    if (item.kind === "events") numbers.get(item.bootId)!.push(...item.events.map(({ eventSeq }) => eventSeq));
  }
  return numbers;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("a capture that is killed while it writes", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-kills-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("has what it took, whole and in order, and all of it once the rest is captured beside it", async function () {
    this.timeout(1_800_000);
    const { wire, events } = traffic();
    const { below } = random(seedFor(71));
    for (const round of campaign("captures killed while they write", 200, 3)) {
      const dir = join(folder, String(round));
      const run = new Run(["capture", "--stdin", "-o", join(dir, "1"), "--rotate", `${ROTATE_BYTES}`]);
      await run.said(/capturing/);
      const stdin = run.child.stdin!;
      const end = below(wire.length);
      for (let at = 0; at < end; at += PIECE_BYTES)
        if (!stdin.write(wire.subarray(at, Math.min(at + PIECE_BYTES, end))))
          await new Promise((resolve) => stdin.once("drain", resolve));
      await pause(below(20));
      equal((await run.end("SIGKILL")).signal, "SIGKILL");

      const what = `round ${round}, killed when ${end} bytes were given`;
      const hasBoots =
        existsSync(join(dir, "1")) && readdirSync(join(dir, "1")).some((name) => name.startsWith("boot-"));
      if (hasBoots) {
        for (const [bootId, found] of await numbersIn(join(dir, "1")))
          deepEqual(found, upTo(found.length), `${what}: boot ${bootId}`);
        const log = join(dir, "1", "log.txt");
        for (const line of existsSync(log) ? readFileSync(log, "utf8").split("\n").slice(0, -1) : [])
          ok(/app: turn \d+$/.test(line), `${what}: ${line}`);
      }

      const rest = new Collector(join(dir, "2"), { registry });
      const deframer = new Deframer();
      for (const item of deframer.push(wire)) if (item.kind === "packet") rest.packet(undefined, item.packet, 0);
      rest.close();
      for (const [bootId, found] of await numbersIn(dir))
        deepEqual(found, upTo(events.get(bootId)!), `${what}: boot ${bootId}, with the rest`);
      ok(listBoots(join(dir, "2")).length > 0);
      rmSync(dir, { recursive: true });
    }
  });
});
