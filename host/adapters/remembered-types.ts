/** Types of messages, most of them found by comparing with how earlier messages began. */
import { findMessageType, piecesOfType } from "../../src/adapters/message-type.ts";
import type { Token } from "../../src/ring/api.ts";

/** The beginning of a message that is remembered. */
const MOST_BYTES = 96;

/** How a message with a type began, up to the end of the type. */
interface Beginning {
  /** "" if the message was bytes, or if there was none. */
  text: string;
  readonly bytes: Uint8Array;
  /** How many of the bytes count; -1 if the message was text, 0 if there was none. */
  length: number;
  token: Token;
}

/**
 * As rememberTexts of src/adapters/message-type.ts, for bytes, too. `remembered`: how many beginnings are kept, 1 or
 * more, about 300 bytes each. A message that has one of them up to its type costs a comparison; any other is searched.
 */
export function rememberTypes(
  remembered: number,
  tokenOf: (type: string | undefined) => Token,
): (message: unknown) => Token {
  const known: Beginning[] = [];
  while (known.length < remembered) known.push({ text: "", bytes: new Uint8Array(MOST_BYTES), length: 0, token: 0 });
  // Messages of one type come in runs: the beginning of the last one is tried first.
  let last = known[0]!;
  let oldest = 0;

  /** Whether a message begins so. It reads and changes as little as possible: most messages get no further. */
  function begins({ length, text, bytes }: Beginning, message: unknown): boolean {
    if (typeof message === "string") return length < 0 && message.startsWith(text);
    let left = length;
    if (left <= 0 || !ArrayBuffer.isView(message) || !(message instanceof Uint8Array)) return false;
    // Backwards from its end: that is where the types of one application differ. Beyond its own end a message has
    // nothing.
    do left--;
    while (left >= 0 && message[left] === bytes[left]);
    return left < 0;
  }

  /** Remembers how the searched message began, in place of the oldest beginning. */
  function keep(message: unknown, token: Token): void {
    const isText = typeof message === "string";
    if (!isText && !(message instanceof Uint8Array)) return;
    const head = isText
      ? message.slice(0, MOST_BYTES)
      : Buffer.from(message.subarray(0, MOST_BYTES)).toString("latin1");
    const pieces = head.split('"', piecesOfType + 1);
    if (pieces.length <= piecesOfType) return; // its type ends after that
    pieces.pop();
    const end = pieces.reduce((sum, piece) => sum + piece.length + 1, 0);
    const beginning = known[oldest]!;
    if (isText) beginning.text = head.slice(0, end);
    else beginning.bytes.set(message.subarray(0, end));
    beginning.length = isText ? -1 : end;
    beginning.token = token;
    oldest = (oldest + 1) % remembered;
    last = beginning;
  }

  return (message) => {
    if (begins(last, message)) return last.token;
    for (const beginning of known)
      if (begins(beginning, message)) {
        last = beginning;
        return beginning.token;
      }
    const type = findMessageType(message);
    const token = type === "" ? 0 : tokenOf(type);
    if (token > 0 && piecesOfType > 0) keep(message, token);
    return token;
  };
}
