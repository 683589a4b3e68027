/** Lines of logs that are wrapped in JSON: Docker's json-file (`log`) and journald's `-o json` (`MESSAGE`). */

/** Pieces of a line are joined up to this length; Docker cuts at 16 KB. */
const MOST_LINE_CHARS = 1 << 20;

/** Joins the pieces of inner lines. Holds one of at most a million characters. */
export class WrappedLines {
  #begun = "";

  /**
   * The inner line that this value, from one outer line, completes; "" if more of it follows, undefined if it wraps
   * none.
   */
  next(value: object): string | undefined {
    const { log, stream, MESSAGE: message } = value as Readonly<Record<string, unknown>>;
    if (typeof log === "string" && typeof stream === "string") {
      const line = this.#begun + log;
      // Docker cuts a long line into several; only the last one has its end.
      const isPart = !log.endsWith("\n") && line.length < MOST_LINE_CHARS;
      this.#begun = isPart ? line : "";
      return isPart ? "" : line.replace(/\r?\n$/, "");
    }
    if (typeof message === "string") return message;
    // For journald, text that is not plain UTF-8, such as colours, is an array of bytes.
    const isBytes =
      Array.isArray(message) && message.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256);
    return isBytes ? Buffer.from(message).toString() : undefined;
  }

  /** The line that was cut at the log's end. */
  end(): string {
    const line = this.#begun;
    this.#begun = "";
    return line;
  }
}
