/** What packets arrive by: a serial line, a socket, a broker, a stream. */
import { type Problem, TelemetryError } from "../../text/errors.ts";
import type { NothingFound } from "../nothing-found.ts";

/** What a link tells whoever has opened it. What packet() or text() throw ends the link: `ended` rejects with it. */
export interface LinkEvents {
  /** One packet, a copy of its own. `device`: undefined where the link has one only. `wallMs`: when it arrived. */
  packet(device: string | undefined, packet: Uint8Array, wallMs: number): void;
  /** One line of log text that shares the link, without its end. */
  text(device: string | undefined, line: string, wallMs: number): void;
  /** Something wrong in what arrived; the link goes on. */
  problem(problem: Problem, device?: string): void;
  /** Awaited by a link whose source can wait, before it reads on. Absent: there is always room. */
  room?(): Promise<void>;
  /** A line for people: that the link was lost, that it stands again. */
  say(line: string): void;
}

/** An open link. */
export interface Link {
  /** What and where, for people; no password in it. */
  readonly description: string;
  /** What to know about it, said once. */
  readonly hint?: string;
  /** Why no packet is among the bytes that have come; undefined if there is one, or nothing came. Absent: whatever comes is told. */
  nothingFound?(): NothingFound | undefined;
  /** Resolves when the source has ended, or close() was called. Rejects with what broke the link for good. */
  readonly ended: Promise<void>;
  /** Ends the link: no event follows. Never rejects; closing twice does nothing. */
  close(): Promise<void>;
}

/** The end of a link, which comes once. */
export class Ending {
  readonly promise: Promise<void>;
  #settle!: (error?: unknown) => void;
  #isOver = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.promise.catch(() => {}); // who awaits it is told; nobody need
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The first call decides. */
  end(error?: unknown): void {
    this.#isOver = true;
    this.#settle(error);
  }

  /** Hands something over. False if the link is over, or is so now because `work` threw. */
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

/** A link that cannot be opened, or breaks: exit code 2. */
export function linkError(code: string, message: string): TelemetryError {
  return new TelemetryError(code, message, 2);
}
