/**
 * Opens a serial port with package serialport. A file of its own: declarations of the library do not compile in every
 * project.
 */
import { statSync } from "node:fs";
import type { SerialPort as Port } from "serialport";
import type { TelemetryError } from "../../text/errors.ts";
import { nameOf } from "../../text/io-error.ts";
import { visible } from "../../text/lines.ts";
import { linkError } from "./link.ts";

export interface SerialPortOptions {
  readonly path: string;
  readonly baud: number;
}

const WATCH_MS = 1000;

/**
 * Opens it for this process alone. It closes by itself within a second of being unplugged. Throws TelemetryError
 * E_NO_PORT, E_PERMISSION, E_PORT_IN_USE or E_LINK, exit code 2.
 */
export async function openSerialPort(options: SerialPortOptions): Promise<Port> {
  // Loaded when needed: it brings a native module.
  const { SerialPort } = await import("serialport");
  try {
    const port = await openPort(() => new SerialPort(portOptions(options)));
    closeWhenGone(port, options.path);
    return port;
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

/**
 * From a line that has hung up, Linux reads nothing, without an error, and the library then reads again for ever.
 * Whether it notices the end depends on timing; but the file of an unplugged port is certainly gone, or another one.
 */
function closeWhenGone(port: Port, path: string): void {
  const opened = fileId(path);
  if (opened === undefined) return; // no file: Windows reports when a port is gone
  const timer = setInterval(() => {
    if (fileId(path) === opened) return;
    clearInterval(timer);
    port.close(() => {}); // it may have been closed meanwhile
  }, WATCH_MS);
  port.once("close", () => clearInterval(timer));
}

function fileId(path: string): string | undefined {
  try {
    const { dev, ino, rdev } = statSync(path);
    return `${dev} ${ino} ${rdev}`;
  } catch {
    return undefined;
  }
}

async function openError(path: string, error: Error): Promise<TelemetryError> {
  const { message } = error;
  const name = nameOf(path);
  if (/No such file|File not found/i.test(message))
    return linkError("E_NO_PORT", `${name}: no such port; ${await portsFound()}`);
  if (/Permission denied|Access denied/i.test(message))
    return linkError(
      "E_PERMISSION",
      `this user may not open ${name}: join the group that owns it (sudo usermod -aG dialout $USER, then log in again)` +
        (process.platform === "win32" ? ", or end the program that uses it" : ""),
    );
  if (/busy|Cannot lock|temporarily unavailable/i.test(message))
    return linkError("E_PORT_IN_USE", `${name} is in use: end the program that uses it (\`fuser ${name}\` names it)`);
  if (!isDevice(path))
    return linkError(
      "E_NO_PORT",
      `${name} is not a serial port: read a log with --stdin < ${name}; ${await portsFound()}`,
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

/** "found: /dev/ttyUSB0, /dev/ttyACM0", or what to do if there are none. */
async function portsFound(): Promise<string> {
  const { SerialPort } = await import("serialport");
  const ports = await SerialPort.list().catch(() => []);
  if (ports.length === 0) return "no port was found: connect the board, and check that its cable carries data";
  return `found: ${ports.map(({ path }) => visible(path)).join(", ")}`;
}
