import type { Deframed, Deframer } from "../deframer.ts";
import type { InputSample } from "../nothing-found.ts";
import type { LinkEvents } from "./link.ts";

/** Passes on the bytes of a line that frames and log text share, as packets and text. */
export class Framed {
  readonly #deframer: Deframer;
  readonly #events: LinkEvents;
  readonly #sample: InputSample;

  /** `sample`: of all bytes of the link. */
  constructor(deframer: Deframer, events: LinkEvents, sample: InputSample) {
    this.#deframer = deframer;
    this.#events = events;
    this.#sample = sample;
  }

  /** Takes bytes: at most 64 KB, as much as a port gives at once, in 0.2 s at worst. Throws what the events throw. */
  push(chunk: Uint8Array): void {
    this.#sample.add(chunk);
    this.#pass(this.#deframer.push(chunk));
  }

  /** Takes unfinished bytes as they are: the line is cut here. */
  end(): void {
    this.#pass(this.#deframer.end());
  }

  #pass(found: readonly Deframed[]): void {
    const wallMs = Date.now();
    for (const item of found) {
      if (item.kind === "packet") {
        this.#sample.found();
        this.#events.packet(undefined, item.packet, wallMs);
      } else if (item.kind === "text") this.#events.text(undefined, item.text, wallMs);
      else {
        if (item.problem.code === "E_NO_FRAMES") this.#sample.found();
        this.#events.problem(item.problem);
      }
    }
  }
}
