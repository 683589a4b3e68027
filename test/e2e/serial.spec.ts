// A device on a serial line shared with its log: every event is decoded or reported.
import { equal, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../host/simulate/random.ts";
import { type Account, accountOf, checkAllTold, decodedEvents } from "../support/accounts.ts";
import { endCapture, startCapture, startSimulation } from "../support/ends.ts";
import { pause, until } from "../support/processes.ts";
import { openSerialLine, type SerialLine } from "../support/pty.ts";

describe("end to end, by a serial line at 115,200 baud", () => {
  let folder: string;
  let line: SerialLine;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-e2e-"));
    line = await openSerialLine();
  });

  afterEach(async () => {
    await line.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The content of the capture, once it has everything that was given to the link. */
  async function whole(given: number): Promise<Account> {
    let account: Account | undefined;
    await until(`${given} events to be decoded or reported`, async () => {
      account = await accountOf(join(folder, "c"));
      const { lostInTransit, beforeFirstPacket } = account.summary;
      return decodedEvents(account) + lostInTransit + beforeFirstPacket === given;
    });
    return account!;
  }

  it("loses nothing on the way, over reboots; what the line is too slow for is overwritten, and reported", async () => {
    const capture = await startCapture(join(folder, "c"), "--serial", line.hostPath);
    const simulation = startSimulation(
      ..."--events 1500 --rate 600 --reboot-every 700 --capacity 4096 --seed 4 --serial".split(" "),
      line.devicePath,
    );
    const { devices, events } = await simulation.found();
    const boots = devices.flatMap((device) => device.boots);
    ok(boots.length > 1, `${boots.length} boots`);
    ok(boots.at(-1)!.drained > boots.at(-1)!.unsent, "the line stays open when the device reboots");
    ok(events.overwritten > 0, "the line is too slow");
    await whole(events.drained - events.unsent);
    await endCapture(capture, 1); // a reboot cuts a frame
    const account = await accountOf(join(folder, "c"));
    for (const { bootId, drained, unsent } of boots)
      equal(account.decoded.get(bootId) ?? 0, drained - unsent, `boot ${bootId}`);
    equal(account.summary.lostInTransit + account.summary.beforeFirstPacket, 0);
    const afterLast = events.overwritten - account.summary.lostOnDevice + events.pending + events.unsent;
    ok(afterLast >= 0);
    equal(decodedEvents(account) + account.summary.lostOnDevice + afterLast, events.emitted);
  });

  it("separates log text between and within frames; each event is decoded or reported as lost", async () => {
    const random = new Random(9);
    const capture = await startCapture(join(folder, "c"), "--serial", line.hostPath);
    await line.write("boot\r\n"); // opened before the device opens the port exclusively
    const simulation = startSimulation(
      ..."--events 1000 --rate 150 --reboot-every 0 --packet 512 --slice 20 --seed 9 --serial".split(" "),
      line.devicePath,
    );
    let texts = 0;
    // Not in the last second, so that a whole packet comes last.
    for (let fromMs = performance.now(); performance.now() - fromMs < 4000; await pause(random.below(200)))
      await line.write(`I (${1000 + texts}) wifi: text number ${texts++} of the log\r\n`);
    const { devices, events } = await simulation.found();
    await whole(events.drained);
    const damaged = capture.stderr.includes("E_FRAME");
    await endCapture(capture, damaged ? 1 : 0);
    const account = await accountOf(join(folder, "c"));
    checkAllTold(
      account,
      devices.flatMap(({ boots }) => boots),
    );
    ok(decodedEvents(account) > 500, `${decodedEvents(account)} events decoded`);
    const log = readFileSync(join(folder, "c", "log.txt"), "utf8");
    const kept = Array.from({ length: texts }, (_, index) => log.includes(`text number ${index} of`));
    const lost = kept.filter((isKept) => !isKept).length;
    ok(lost <= texts / 4, `${lost} of ${texts} lines of text are not in log.txt`);
  });
});
