import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Run } from "../support/command.ts";
import { brokenOff, costlyFrames, repeated } from "../support/costly-bytes.ts";
import { randomIntegers } from "../support/packets.ts";
import { until } from "../support/processes.ts";

/** Written at once. */
const PIECE_BYTES = 64 * 1024;
/** The most written bytes that wait in the pipe and in the streams on both sides of it. */
const WAITING_BYTES = 1024 * 1024;

/** Writes the bytes again and again as long as they are accepted. Returns how many have been written. */
function feed({ child }: Run, bytes: Buffer): () => number {
  let written = 0;
  const next = (): void => {
    const stdin = child.stdin!;
    if (stdin.destroyed || child.exitCode !== null) return;
    const at = written % bytes.length;
    const piece = bytes.subarray(at, at + PIECE_BYTES);
    stdin.write(piece, (error) => {
      if (error) return;
      written += piece.length;
      next();
    });
  };
  next();
  return () => written;
}

describe("a signal, while what is read takes all there is of a core", () => {
  const dir = mkdtempSync(join(tmpdir(), "xs-telemetry-signals-"));
  after(() => rmSync(dir, { recursive: true }));

  const lineEnds = costlyFrames(randomIntegers(1), 65_536).find(([name]) => name === "line ends, 65536")![1];
  const inputs: [what: string, bytes: Buffer][] = [
    ["a frame that breaks off, and log text behind it", repeated(brokenOff(65_536, 71_000), 8 << 20)],
    ["frames of line ends with a wrong CRC", repeated(lineEnds, 8 << 20)],
    ["empty lines", Buffer.alloc(8 << 20, "\n")],
    ["beginnings of frames", repeated(Buffer.from([0, 5, 0xc1, 0x1f, 0xfc, 0xc1]), 8 << 20)],
  ];
  const commands = (folder: string): [name: string, args: string[]][] => [
    ["capture", ["capture", "--stdin", "-o", folder]],
    ["tail", ["tail", "--stdin", "--no-log"]],
    ["extract --frames", ["extract", "--frames", "-"]],
    ["decode", ["decode", "-"]],
  ];
  inputs.forEach(([what, bytes], index) => {
    for (const [name, args] of commands(join(dir, String(index))))
      it(`ends ${name}, without reading on: ${what}`, async function () {
        this.timeout(60_000);
        const run = new Run(args);
        run.child.stdout!.resume();
        const written = feed(run, bytes);
        // More than can wait anywhere: it is at work.
        await until("the command to take what it is given", () => written() > 2 * WAITING_BYTES);
        const before = written();
        const { status, signal } = await run.end();
        assert.ok(status !== null || signal === "SIGINT", `${status}, ${signal}`);
        assert.ok(written() - before < WAITING_BYTES, `${written() - before} bytes read after the signal`);
        if (name === "capture") assert.match(run.stderr, /E_FRAME: \d+ times|lines of log text/);
      });
  });
});
