// A line without an end, through every command that reads lines: memory stays bounded, the line is reported, and the lines around it are read.
import { equal, match, ok } from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ran, rounds } from "../support/campaign.ts";
import { Run } from "../support/command.ts";

const MEGABYTE = 1 << 20;
const LINE_MEGABYTES = rounds(100, 10);
const MOST_RESIDENT_KB = 160 * 1024;
const EVENT =
  '{"event":"ws.connected","ts_mono_ms":1,"connEpoch":0,"eventSeq":1,"clientId":1,"schemaVersion":"1.0.0"}\n';

describe("a line of many megabytes", () => {
  const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-line-"));
  after(() => rmSync(dir, { recursive: true }));

  const tooLong = new RegExp(`${LINE_MEGABYTES * MEGABYTE}`);
  const commands: [name: string, args: string[], status: number, events: number, told: RegExp][] = [
    ["validate", ["validate", "-"], 1, 0, tooLong],
    ["extract", ["extract", "-"], 0, 2, tooLong],
    ["migrate", ["migrate", "--to", "2.0.0", "-"], 1, 2, tooLong],
    ["decode", ["decode", "-"], 1, 0, /E_NO_PACKET at byte 0: .*JSON lines need no decoding/],
    ["extract --frames", ["extract", "--frames", "-"], 1, 0, /E_NO_FRAMES: no packet in .*telemetry as lines of text/],
    // Log text comes in pieces of 4 KB.
    [
      "capture --stdin",
      ["capture", "--stdin", "-o", join(dir, "c")],
      1,
      0,
      new RegExp(`, ${LINE_MEGABYTES * 256 + 3} lines of log text`),
    ],
    ["tail --stdin", ["tail", "--stdin"], 1, 0, /0 events/],
  ];
  for (const [name, args, status, events, told] of commands)
    it(`does not fill the memory of ${name}`, async function () {
      this.timeout(300_000);
      const run = new Run(args);
      const stdin = run.child.stdin!;
      let mostKb = 0;
      const write = async (bytes: string | Buffer) => {
        if (!stdin.write(bytes)) await new Promise((resolve) => stdin.once("drain", resolve));
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${run.child.pid}/status`, "utf8"));
        mostKb = Math.max(mostKb, Number(peak?.[1] ?? 0));
      };
      await write(EVENT);
      const megabyte = Buffer.alloc(MEGABYTE, "x");
      for (let count = 0; count < LINE_MEGABYTES; count++) await write(megabyte);
      await write(`\n${EVENT}`);
      stdin.end();
      const outcome = await run.outcome;
      equal(outcome.status, status, outcome.stderr);
      equal(outcome.stdout.match(/"event":"ws\.connected"/g)?.length ?? 0, name.startsWith("tail") ? 2 : events);
      match(outcome.stderr + outcome.stdout.slice(-2000), told);
      ok(mostKb > 0 && mostKb < MOST_RESIDENT_KB, `${mostKb} KB`);
      ran("megabytes of one line through commands", LINE_MEGABYTES);
    });
});
