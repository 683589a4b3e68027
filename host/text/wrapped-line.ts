/** Lines of logs that wrap others in JSON: Docker's json-file (`log`) and journald's `-o json` (`MESSAGE`). */

/** A line in pieces is put together up to this; Docker cuts at 16 KB. */
const MOST_LINE_CHARS = 1 << 20;

/** Puts inner lines together. Holds one of at most a million characters. */
export class WrappedLines {
  #begun = "";

  /** The inner line that this value, of one outer line, completes; "" if more of it follows, undefined if it wraps none. */
  next(value: object): string | undefined {
    const { log, stream, MESSAGE: message } = value as Readonly<Record<string, unknown>>;
    if (typeof log === "string" && typeof stream === "string") {
      const line = this.#begun + log;
      // Docker cuts a long line into several, all but the last without its end.
      const isPart = !log.endsWith("\n") && line.length < MOST_LINE_CHARS;
      this.#begun = isPart ? line : "";
      return isPart ? "" : line.replace(/\r?\n$/, "");
    }
    if (typeof message === "string") return message;
    // What is no UTF-8 in journald's eyes, colours for instance, is an array of bytes.
    const isBytes =
      Array.isArray(message) && message.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256);
    return isBytes ? Buffer.from(message).toString() : undefined;
  }

  /** What was cut at the log's end. */
  end(): string {
    const line = this.#begun;
    this.#begun = "";
    return line;
  }
}
