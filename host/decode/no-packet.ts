/** What bytes may be that hold no packet. */
import { quote } from "../text/lines.ts";

/** As much of a stream's beginning as is kept to say what it is instead of packets. */
export const HEAD_BYTES = 40;

/** What to say of bytes, of which `head` are the first, in which there is no packet. */
export function noPacket(bytes: number, head: Buffer): string {
  const none = `no packet in ${bytes} bytes`;
  const text = head.toString("latin1");
  if (/[^\p{L}\p{N}\p{P}\p{S}\s]/u.test(text.replaceAll("\u001b", "")))
    return `${none}: expected a packet stream or a capture folder`;
  const hint = text.trimStart().startsWith("{")
    ? "JSON lines need no decoding"
    : "telemetry lines in a log are for extract";
  return `${none}, which are text beginning with ${quote(text)}: ${hint}`;
}
