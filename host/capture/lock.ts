/**
 * Only one process writes into a capture folder. A file says which one, so that others can tell whether it is still
 * running.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { attempt } from "./files.ts";
import { LOCK_FILE } from "./folder.ts";
import { readSmall } from "./regular-file.ts";

const MOST_LOCK_BYTES = 4096;
/** How often an owner touches its lock. */
const BEAT_MS = 5000;
/**
 * An owner that cannot be looked up, on another machine or in another container, is gone if its lock was not touched
 * for this long.
 */
const GONE_MS = 60_000;
/** Or if it does not touch the lock while another process waits for this long. */
const WATCH_MS = 20_000;
const WATCH_EVERY_MS = 500;

interface Owner {
  readonly pid: number;
  /** When the process began, in the system's own form: a later process may have the same pid. "" if unknown. */
  readonly started: string;
  readonly host: string;
  /** This boot of the machine, and the container that pids belong to. "" if unknown. */
  readonly boot: string;
}

interface Held {
  readonly text: string;
  /** Undefined if it is not stated. */
  readonly owner: Owner | undefined;
  readonly touchedMs: number;
}

/** The previous owner. */
export interface TakenOver {
  readonly message: string;
  /** When it was last active. */
  readonly atMs: number;
}

/** The lock of a folder that this process holds. */
export class FolderLock {
  /** Undefined if nobody held it before. */
  readonly takenOver: TakenOver | undefined;
  readonly #file: string;
  readonly #path: string;
  readonly #text: string;
  #beatMs = performance.now();

  /**
   * Takes the lock of an existing folder. If its owner is dead, the lock is taken over. Throws TelemetryError E_IN_USE
   * if the owner lives, or may live (see ownerDecided), or E_WRITE; exit code 2.
   */
  constructor(path: string) {
    this.#path = path;
    this.#file = join(path, LOCK_FILE);
    this.#text = `${JSON.stringify(thisProcess())}\n`;
    let takenOver: TakenOver | undefined;
    while (!attempt(path, () => create(this.#file, this.#text))) {
      const held = attempt(path, () => read(path));
      if (held === undefined) continue;
      if (!isDead(held)) throw inUse(path, held);
      attempt(path, () => putAside(this.#file, held));
      takenOver = { message: `${said(held.owner)} captured into it, and is gone`, atMs: held.touchedMs };
    }
    this.takenOver = takenOver;
  }

  /**
   * Shows that the owner is active. Call it often: it acts every five seconds. Throws TelemetryError E_IN_USE if the
   * lock belongs to somebody else now, or E_WRITE.
   */
  beat(): void {
    const now = performance.now();
    if (now - this.#beatMs < BEAT_MS) return;
    this.#beatMs = now;
    const held = attempt(this.#path, () => read(this.#path));
    if (held?.text !== this.#text) throw inUse(this.#path, held);
    attempt(this.#path, () => {
      const time = new Date();
      fs.utimesSync(this.#file, time, time);
    });
  }

  /** Never throws: a capture is complete with or without the file. */
  release(): void {
    try {
      if (read(this.#path)?.text === this.#text) fs.rmSync(this.#file, { force: true });
    } catch {
      // Readers ignore it.
    }
  }
}

/**
 * Resolves when it is clear whether the folder's owner, if any, lives: at once, or after 20 s if it may be on another
 * machine or in another container. `say`: is told that it waits.
 */
export async function ownerDecided(path: string, say: (line: string) => void, watchMs = WATCH_MS): Promise<void> {
  let before: Held | undefined;
  for (let watchedMs = 0; ; watchedMs += WATCH_EVERY_MS) {
    const held = attempt(path, () => read(path));
    if (held === undefined || lives(held.owner) !== undefined || isDead(held)) return;
    if (before !== undefined && held.touchedMs !== before.touchedMs) return;
    if (watchedMs >= watchMs) {
      attempt(path, () => putAside(join(path, LOCK_FILE), held));
      return;
    }
    if (before === undefined)
      say(`waiting at most ${watchMs / 1000} s to see whether ${said(held.owner)} is still capturing into ${path}`);
    before = held;
    await wait(WATCH_EVERY_MS);
  }
}

function said(owner: Owner | undefined): string {
  return owner === undefined ? "an unnamed process" : `process ${owner.pid} on ${quote(owner.host)}`;
}

function inUse(path: string, held: Held | undefined): TelemetryError {
  const who = held === undefined ? "another process" : said(held.owner);
  return new TelemetryError(
    "E_IN_USE",
    `${who} is capturing into ${path}: stop it, or name another folder for this capture`,
    2,
  );
}

/** Returns false if there is one already. */
function create(file: string, text: string): boolean {
  try {
    fs.closeSync(fs.openSync(file, "wx"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  try {
    fs.writeFileSync(file, text);
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  }
  return true;
}

function read(path: string): Held | undefined {
  const file = join(path, LOCK_FILE);
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  const text = stat && readSmall(file, path, MOST_LOCK_BYTES)?.toString();
  return text === undefined ? undefined : { text, owner: ownerOf(text), touchedMs: stat!.mtimeMs };
}

function ownerOf(text: string): Owner | undefined {
  try {
    const { pid, started, host, boot } = JSON.parse(text);
    const isOwner = Number.isSafeInteger(pid) && pid > 0 && [started, host, boot].every((it) => typeof it === "string");
    return isOwner ? { pid, started, host, boot } : undefined;
  } catch {
    return undefined;
  }
}

/** Removes this lock, and no other: the lock of a faster process is put back. */
function putAside(file: string, held: Held): void {
  const aside = `${file}-${process.pid}`;
  try {
    fs.renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (fs.readFileSync(aside, "utf8") !== held.text) fs.linkSync(aside, file);
  fs.rmSync(aside);
}

function isDead({ owner, touchedMs }: Held): boolean {
  const isAlive = lives(owner);
  return isAlive === undefined ? Date.now() - touchedMs > GONE_MS : !isAlive;
}

/** Undefined if it cannot be looked up here. */
function lives(owner: Owner | undefined): boolean | undefined {
  const here = thisProcess();
  if (owner === undefined || owner.host !== here.host || owner.boot !== here.boot) return undefined;
  return startOf(owner.pid) === owner.started;
}

let own: Owner | undefined;

function thisProcess(): Owner {
  own ??= { pid: process.pid, started: startOf(process.pid) ?? "", host: hostname(), boot: machineBoot() };
  return own;
}

function machineBoot(): string {
  try {
    const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${fs.readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return "";
  }
}

/** When a process began; undefined if there is no such process. */
function startOf(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // The 22nd field; the second one, in brackets, may contain anything.
      return fs
        .readFileSync(`/proc/${pid}/stat`, "latin1")
        .replace(/^.*\) /s, "")
        .split(" ")[19];
    } catch {
      return undefined;
    }
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined;
  }
  if (process.platform === "win32") return "";
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
