// Keeps what a link reports, and the error with which opening one is refused.
import assert from "node:assert/strict";
import type { Link, LinkEvents } from "../../host/receive/links/link.ts";
import { type Problem, TelemetryError } from "../../host/text/errors.ts";

export class RecordedEvents implements LinkEvents {
  readonly packets: { device: string | undefined; packet: Uint8Array }[] = [];
  readonly texts: string[] = [];
  readonly problems: { problem: Problem; device: string | undefined }[] = [];
  readonly said: string[] = [];
  /** Thrown by the next packet(). */
  refuseWith: Error | undefined;

  packet(device: string | undefined, packet: Uint8Array, wallMs: number): void {
    assert.ok(Math.abs(Date.now() - wallMs) < 60_000, "the time is that of the wall clock");
    if (this.refuseWith) throw this.refuseWith;
    this.packets.push({ device, packet });
  }

  text(_device: string | undefined, line: string): void {
    this.texts.push(line);
  }

  problem(problem: Problem, device?: string): void {
    this.problems.push({ problem, device });
  }

  say(line: string): void {
    this.said.push(line);
  }
}

/** Fails unless opening fails with this code, exit code 2, and a message that matches. Returns the message. */
export async function refused(opening: Promise<Link>, code: string, message: RegExp): Promise<string> {
  let link: Link;
  try {
    link = await opening;
  } catch (error) {
    assert.ok(error instanceof TelemetryError, String((error as Error).stack));
    assert.deepEqual([error.code, error.exitCode], [code, 2], error.message);
    assert.match(error.message, message);
    return error.message;
  }
  await link.close();
  throw new Error(`opened ${link.description}, should be refused: ${code}`);
}
