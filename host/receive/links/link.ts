/** The ways in which packets arrive: a serial line, a socket, a broker, a stream. */
import { type Problem, TelemetryError } from "../../text/errors.ts";
import type { NothingFound } from "../nothing-found.ts";

/** What a link reports to its owner. If packet() or text() throws, the link ends: `ended` rejects with that error. */
export interface LinkEvents {
  /** One packet, in its own copy. `device`: undefined if the link has only one. `wallMs`: when it arrived. */
  packet(device: string | undefined, packet: Uint8Array, wallMs: number): void;
  /** One line of log text that shares the link, without its end. */
  text(device: string | undefined, line: string, wallMs: number): void;
  /** A problem with what arrived; the link continues. */
  problem(problem: Problem, device?: string): void;
  /** Awaited before reading on, by a link whose source can wait. Absent: there is always room. */
  room?(): Promise<void>;
  /** A line for people: the link was lost, or is back. */
  say(line: string): void;
}

/** An open link. */
export interface Link {
  /** What and where, for people; without a password. */
  readonly description: string;
  /** A hint about it, printed once. */
  readonly hint?: string;
  /**
   * Why there is no packet among the bytes that have come; undefined if there is one, or if nothing came. Absent:
   * everything that comes is reported.
   */
  nothingFound?(): NothingFound | undefined;
  /** Resolves when the source has ended, or close() was called. Rejects with the error that broke the link for good. */
  readonly ended: Promise<void>;
  /** Ends the link: no event follows. Never rejects; closing twice does nothing. */
  close(): Promise<void>;
}

/** The end of a link, which happens once. */
export class Ending {
  readonly promise: Promise<void>;
  #settle!: (error?: unknown) => void;
  #isOver = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.promise.catch(() => {}); // whoever awaits it gets the error; nobody has to
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The first call decides. */
  end(error?: unknown): void {
    this.#isOver = true;
    this.#settle(error);
  }

  /** Passes something on. Returns false if the link has ended, or ends now because `work` threw. */
  attempt(work: () => void): boolean {
    if (this.#isOver) return false;
    try {
      work();
      return true;
    } catch (error) {
      this.end(error);
      return false;
    }
  }
}

/** A link that cannot be opened, or fails: exit code 2. */
export function linkError(code: string, message: string): TelemetryError {
  return new TelemetryError(code, message, 2);
}
