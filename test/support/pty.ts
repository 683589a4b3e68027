// A serial line for specs: two pseudo-terminals joined by socat.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "./processes.ts";

export interface SerialLine {
  /** The port that a host opens. */
  readonly hostPath: string;
  /** The port that a device opens. */
  readonly devicePath: string;
  /** Writes as the device would. */
  write(bytes: Uint8Array | string): Promise<void>;
  /** As if the cable were pulled: both ports are gone. */
  unplug(): Promise<void>;
  /** Both ports are back, under the same paths. */
  plug(): Promise<void>;
  /** Ends socat and removes the ports. */
  close(): Promise<void>;
}

/** Whether a terminal passes on what it gets unchanged. */
function isRaw(path: string): boolean {
  const settings = execFileSync("stty", ["-a", "-F", path], { encoding: "utf8" });
  return ["-opost", "-echo", "-icanon"].every((setting) => settings.split(/\s/).includes(setting));
}

/** Sets up a serial line. */
export async function openSerialLine(): Promise<SerialLine> {
  const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-pty-"));
  const hostPath = join(folder, "host");
  const devicePath = join(folder, "device");
  let socat: Program | undefined;
  let device: FileHandle | undefined;

  const line: SerialLine = {
    hostPath,
    devicePath,
    async write(bytes) {
      if (!device) throw new Error("the line is unplugged");
      await device.writeFile(bytes);
    },
    async unplug() {
      await device?.close();
      device = undefined;
      await socat?.stop();
      socat = undefined;
    },
    async plug() {
      socat = new Program("socat", [`pty,raw,echo=0,link=${hostPath}`, `pty,raw,echo=0,link=${devicePath}`]);
      await socat.ready(() => existsSync(hostPath) && existsSync(devicePath));
      // Held open: socat ends when the last one closes it. The path is there before the mode is set.
      device = await open(devicePath, "w");
      await socat.ready(() => [hostPath, devicePath].every(isRaw));
    },
    async close() {
      await line.unplug();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await line.plug();
  return line;
}
