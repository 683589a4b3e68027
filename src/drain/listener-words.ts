/** What a board and whoever listens to it by WebSocket say to each other (docs/links.md). Packets are binary messages, all else is text. */

/** What the listener asks for; the server answers with the same. */
export const SUBPROTOCOL = "xs-telemetry";
/** The server's answer to the listener's first message, the token, empty if it has none. */
export const ACCEPTED = "accepted";
/** Or this, and what is wrong; the connection is closed then. */
export const REFUSED_TOKEN = "refused: token";
export const REFUSED_BUSY = "refused: busy";
/** The listener has the packet; the next is sent then, and no sooner. */
export const TAKEN = "taken";
/**
 * The listener says so again and again, and the server answers with the same. A ping will not do: Moddable's server reads one as if it
 * were not masked, and loses its place in the stream.
 */
export const ALIVE = "alive";
/** Who has been silent for so long is gone. */
export const SILENT_MS = 30_000;
/** A token has so many characters at the most. */
export const MOST_TOKEN_CHARACTERS = 64;

/** Whether a text can be a token: visible ASCII, so that no keyboard, file or shell changes it. */
export function isToken(text: unknown): text is string {
  if (typeof text !== "string" || text.length === 0 || text.length > MOST_TOKEN_CHARACTERS) return false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}
