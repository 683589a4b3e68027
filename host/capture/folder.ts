/** The layout of a capture folder; docs/format.md is normative. */
import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { bootIdDigits } from "../packet/packet.ts";
import type { Problem } from "../text/errors.ts";
import { NotRegular, readSmall } from "./regular-file.ts";

/** Files of a trace folder. */
export const METADATA_FILE = "metadata";
export const STREAM_FILE = "stream";
/**
 * What CTF has no place for is in a folder of its own, which readers of CTF skip, as they skip LTTng's `index`. No name
 * begins with a dot: programs that copy or pack folders often leave those out.
 */
export const SIDE_FOLDER = "xs-telemetry";
export const TOKENS_FILE = `${SIDE_FOLDER}/tokens`;
export const ANCHORS_FILE = `${SIDE_FOLDER}/anchors.jsonl`;
/** Files of a device's folder: its id as it arrived, and its log text. */
export const DEVICE_FILE = "device.txt";
export const LOG_FILE = "log.txt";
/** In a folder that a process captures into: which process it is. */
export const LOCK_FILE = ".capturing";

/** One trace folder of a capture. */
export interface BootFolder {
  readonly path: string;
  /** As the folder's name says; undefined if it has another kind of name. */
  readonly bootId: number | undefined;
  readonly reader: number | undefined;
}

/** The capture of one device within a folder of captures. */
export interface DeviceCapture {
  readonly path: string;
  /** Undefined if the capture is of a single device without a known id. */
  readonly device: string | undefined;
  readonly boots: readonly BootFolder[];
  /** Why its device is unknown although an id was given. */
  readonly problem?: Problem;
}

const FOLDER_NAME = /^boot-(\d{4,9})-([0-9a-f]{14})(?:-r([1-9]\d{0,9}))?$/;
/** Captures of several processes, each with a folder for each device. */
const MOST_LEVELS = 2;
const MOST_NAME_CHARS = 100;
/** An id that is longer than an MQTT topic is not valid. */
export const MOST_DEVICE_BYTES = 65_535;
const HASH_CHARS = 24;

/** Name of a trace folder: `order` is 1 for the first of the capture. */
export function traceFolderName(order: number, bootId: number, reader: number): string {
  const number = String(order).padStart(4, "0");
  return `boot-${number}-${bootIdDigits(bootId)}${reader === 0 ? "" : `-r${reader}`}`;
}

/** Order of arrival, boot id and reader in the name of a trace folder; undefined for any other name. */
export function readTraceFolderName(name: string): { order: number; bootId: number; reader: number } | undefined {
  const [, order, digits, reader = "0"] = FOLDER_NAME.exec(name) ?? [];
  if (digits === undefined) return undefined;
  return { order: Number(order), bootId: Number.parseInt(digits, 16), reader: Number(reader) };
}

/** Name of a full file of log text, from 1. */
export function logName(number: number): string {
  return `log-${String(number).padStart(4, "0")}.txt`;
}

/**
 * The trace folders of a capture folder, in order of arrival; for a trace folder, only itself; for any other folder,
 * none. Throws what the file system throws.
 */
export function listBoots(path: string): BootFolder[] {
  if ([METADATA_FILE, STREAM_FILE, TOKENS_FILE].some((name) => isFile(join(path, name)))) return [bootFolder(path)];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && FOLDER_NAME.test(entry.name))
    .map(({ name }) => bootFolder(join(path, name)))
    .sort((a, b) => orderOf(a) - orderOf(b) || a.reader! - b.reader!);
}

/**
 * The captures in a folder: itself, or one in a folder for each device, or for each process that captured. Throws what
 * the file system throws.
 */
export function listCaptures(path: string, levels = MOST_LEVELS): DeviceCapture[] {
  return capturesIn(path, path, levels);
}

function capturesIn(path: string, root: string, levels: number): DeviceCapture[] {
  const boots = listBoots(path);
  if (boots.length > 0) return [{ path, boots, ...deviceOf(path, root) }];
  if (levels === 0) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort()
    .flatMap((name) => capturesIn(join(path, name), root, levels - 1));
}

function deviceOf(path: string, root: string): Pick<DeviceCapture, "device" | "problem"> {
  const file = join(path, DEVICE_FILE);
  try {
    return { device: readSmall(file, root, MOST_DEVICE_BYTES)?.toString() };
  } catch (error) {
    const said = error instanceof NotRegular ? error.message : `cannot be read: ${(error as Error).message}`;
    const message = `${said}; expected the device's id in it`;
    return { device: undefined, problem: { code: "E_READ", message, file } };
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // a link to itself does not count either
  }
}

function orderOf({ path }: BootFolder): number {
  return readTraceFolderName(basename(path))!.order;
}

function bootFolder(path: string): BootFolder {
  const { bootId, reader } = readTraceFolderName(basename(path)) ?? {};
  return { path, bootId, reader };
}

/** Names that a folder cannot have on some system, or that mean something in a capture. */
const RESERVED =
  /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|^(?:metadata|stream|xs-telemetry|device\.txt|log\.txt|boot-.*)$/i;

/**
 * The name of a device's folder, whatever the id is: `A-Z a-z 0-9 . _ -` as they are, other bytes as %XX. Also escaped:
 * a dot at either end, a - at the beginning, which would look like an option, and the first letter of a reserved name.
 * Two ids never have the same name. A long one is cut, and distinguished by a hash.
 */
export function deviceFolderName(device: string): string {
  let name = device.replace(/[^A-Za-z0-9._-]/gu, hex);
  if (RESERVED.test(name)) name = hex(name[0]!) + name.slice(1);
  name = name.replace(/^[.-]|\.$/g, hex);
  if (name.length > MOST_NAME_CHARS) return hashedFolderName(device, name);
  return name === "" ? "%" : name;
}

/**
 * Another name for the same device, if file names differ only in case and the file system does not distinguish case.
 */
export function hashedFolderName(device: string, name = deviceFolderName(device)): string {
  const hash = createHash("sha256").update(Buffer.from(device, "utf16le")).digest("hex").slice(0, HASH_CHARS);
  // "%-" is in no other name: there a % is always followed by two hex digits.
  return `${name.slice(0, MOST_NAME_CHARS - HASH_CHARS - 2).replace(/%.?$/, "")}%-${hash}`;
}

function hex(character: string): string {
  const point = character.codePointAt(0)!;
  // A lone surrogate has no UTF-8; as three bytes it stays distinct from others.
  const bytes =
    point >= 0xd800 && point < 0xe000
      ? [0xed, 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f)]
      : [...Buffer.from(character)];
  return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`).join("");
}
