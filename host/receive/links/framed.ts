import type { Deframed, Deframer } from "../deframer.ts";
import type { LinkEvents } from "./link.ts";

/** Bytes of a line that frames and log text share, handed on as what they are. */
export class Framed {
  readonly #deframer: Deframer;
  readonly #events: LinkEvents;

  constructor(deframer: Deframer, events: LinkEvents) {
    this.#deframer = deframer;
    this.#events = events;
  }

  /** Takes bytes: 64 KB, as much as a port gives at once, in 0.2 s at worst. Throws what the events throw. */
  push(chunk: Uint8Array): void {
    this.#pass(this.#deframer.push(chunk));
  }

  /** Takes what stands unfinished: the line is cut here. */
  end(): void {
    this.#pass(this.#deframer.end());
  }

  #pass(found: readonly Deframed[]): void {
    const wallMs = Date.now();
    for (const item of found) {
      if (item.kind === "packet") this.#events.packet(undefined, item.packet, wallMs);
      else if (item.kind === "text") this.#events.text(undefined, item.text, wallMs);
      else this.#events.problem(item.problem);
    }
  }
}
