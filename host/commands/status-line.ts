import type { WriteStream } from "node:tty";

/** A line at the bottom of a terminal that is rewritten; nothing without a terminal. */
export class StatusLine {
  readonly #stream: WriteStream;
  readonly #isShown: boolean;
  #text = "";

  /** `isShown`: whether the stream is a terminal that can show it. */
  constructor(stream: WriteStream, isShown: boolean) {
    this.#stream = stream;
    this.#isShown = isShown;
  }

  /** Shows this text from now on, cut to the terminal's width. Text without control characters. */
  show(text: string): void {
    if (!this.#isShown || text === this.#text) return;
    this.#text = text;
    this.#stream.write(`\r\x1b[K${this.#drawn()}`);
  }

  /** Runs `write`, which writes whole lines to the terminal: they appear above the line. */
  above(write: () => void): void {
    if (this.#text === "") {
      write();
      return;
    }
    this.#stream.write("\r\x1b[K");
    write();
    this.#stream.write(this.#drawn());
  }

  /** Erases the line. */
  end(): void {
    if (this.#text !== "") this.#stream.write("\r\x1b[K");
    this.#text = "";
  }

  #drawn(): string {
    return this.#text.slice(0, Math.max(0, (this.#stream.columns || 80) - 1));
  }
}
