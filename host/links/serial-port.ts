/** A serial port of package serialport, opened. A file of its own: declarations of the library do not check in every project. */
import { statSync } from "node:fs";
import type { SerialPort as Port } from "serialport";
import type { TelemetryError } from "../errors.ts";
import { nameOf } from "../io-error.ts";
import { visible } from "../lines.ts";
import { linkError } from "./link.ts";

export interface SerialPortOptions {
  readonly path: string;
  readonly baud: number;
}

/** Opens it for this process alone. Throws TelemetryError E_NO_PORT, E_PERMISSION, E_PORT_IN_USE or E_LINK, exit code 2. */
export async function openSerialPort(options: SerialPortOptions): Promise<Port> {
  // Loaded when it is needed: it brings a native module.
  const { SerialPort } = await import("serialport");
  try {
    return await openPort(() => new SerialPort(portOptions(options)));
  } catch (error) {
    throw await openError(options.path, error as Error);
  }
}

function portOptions({ path, baud }: SerialPortOptions) {
  return { path, baudRate: baud, autoOpen: false, lock: true, hupcl: false };
}

function openPort(create: () => Port): Promise<Port> {
  return new Promise((resolve, reject) => {
    const port = create();
    port.open((error) => (error ? reject(error) : resolve(port)));
  });
}

async function openError(path: string, error: Error): Promise<TelemetryError> {
  const { message } = error;
  const name = nameOf(path);
  if (/No such file|File not found/i.test(message))
    return linkError("E_NO_PORT", `${name}: no such port; ${await portsFound()}`);
  if (/Permission denied|Access denied/i.test(message))
    return linkError(
      "E_PERMISSION",
      `${name} may not be opened by this user: join the group that owns it (sudo usermod -aG dialout $USER, then log in anew)` +
        (process.platform === "win32" ? ", or end the program that has it" : ""),
    );
  if (/busy|Cannot lock|temporarily unavailable/i.test(message))
    return linkError("E_PORT_IN_USE", `${name} is in use: end the program that has it (\`fuser ${name}\` names it)`);
  if (!isDevice(path))
    return linkError(
      "E_NO_PORT",
      `${name} is no serial port: a log is read with --stdin < ${name}; ${await portsFound()}`,
    );
  return linkError("E_LINK", `${name} cannot be opened: ${visible(message)}; ${await portsFound()}`);
}

function isDevice(path: string): boolean {
  try {
    return statSync(path).isCharacterDevice();
  } catch {
    return false;
  }
}

/** "there are /dev/ttyUSB0, /dev/ttyACM0", or what to do when there are none. */
async function portsFound(): Promise<string> {
  const { SerialPort } = await import("serialport");
  const ports = await SerialPort.list().catch(() => []);
  if (ports.length === 0) return "none is found: connect the board, and check that its cable carries data";
  return `there ${ports.length === 1 ? "is" : "are"} ${ports.map(({ path }) => visible(path)).join(", ")}`;
}
