/** What specs of the command capture share: a folder, what capture and decode do in it, and what devices send. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Run, run } from "./command.ts";
import { drain, emitter } from "./emit.ts";
import { frame } from "./frames.ts";

/** Packets of a device that has sent this many messages, in more than one packet. */
export function traffic(bootId: number, messages = 100): Uint8Array[] {
  const { telemetry, reader } = emitter({ bootId, capacityBytes: 1 << 20 });
  const connection = telemetry.connect(1);
  for (let count = 1; count < messages; count++) connection.sent(telemetry.messageType("tick"));
  return drain(reader, 512);
}

export const framed = (packets: readonly Uint8Array[]) => Buffer.concat(packets.map((packet) => frame(packet)));

export const upTo = (count: number) => Array.from({ length: count }, (_, number) => number);

/** For the cases of a `describe`; call it inside one. */
export class Capturing {
  folder = "";

  constructor() {
    before(() => {
      this.folder = mkdtempSync(join(tmpdir(), "xs-telemetry-"));
    });
    after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  capture(...args: string[]): Run {
    return new Run(["capture", ...args], { cwd: this.folder });
  }

  /** Event numbers that decode finds in a folder of the test, in order. */
  async decoded(name: string): Promise<number[]> {
    const { status, stdout, stderr } = await run(["decode", join(this.folder, name)]);
    assert.equal(status, 0, stderr);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).eventSeq as number);
  }

  /** What readers see in a folder of the test. */
  named(name: string): string[] {
    return readdirSync(join(this.folder, name)).filter((entry) => !entry.startsWith("."));
  }
}
