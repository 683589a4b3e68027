/**
 * What a board and its listeners say to each other over WebSocket (docs/links.md). Packets are binary messages,
 * everything else is text.
 */

/** The subprotocol that the listener asks for; the server answers with the same. */
export const SUBPROTOCOL = "xs-telemetry";
/** The server's answer to the listener's first message, which is the token; empty if there is none. */
export const ACCEPTED = "accepted";
/** Or this, followed by what is wrong; then the connection is closed. */
export const REFUSED_TOKEN = "refused: token";
export const REFUSED_BUSY = "refused: busy";
/** The listener has the packet. Only then is the next one sent. */
export const TAKEN = "taken";
/**
 * The listener repeats it, and the server answers with the same. A ping would not do: Moddable's server reads one as if
 * it were not masked, and loses its place in the stream.
 */
export const ALIVE = "alive";
/** A peer that is silent for this long is gone. */
export const SILENT_MS = 30_000;
/** Most characters of a token. */
export const MOST_TOKEN_CHARACTERS = 64;

/** Whether a text can be a token: visible ASCII, which no keyboard, file or shell changes. */
export function isToken(text: unknown): text is string {
  if (typeof text !== "string" || text.length === 0 || text.length > MOST_TOKEN_CHARACTERS) return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}
