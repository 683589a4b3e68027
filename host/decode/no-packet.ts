/** Says what bytes without a packet may be. */
import { quote } from "../text/lines.ts";

/** The first bytes of a stream that are kept to say what it is instead of packets. */
export const HEAD_BYTES = 40;

/** Describes bytes without a packet; `head` are the first of them. */
export function noPacket(bytes: number, head: Buffer): string {
  const none = `no packet in ${bytes} bytes`;
  const text = head.toString("latin1");
  if (/[^\p{L}\p{N}\p{P}\p{S}\s]/u.test(text.replaceAll("\u001b", "")))
    return `${none}: expected a packet stream or a capture folder`;
  const hint = text.trimStart().startsWith("{")
    ? "JSON lines need no decoding"
    : "for telemetry lines in a log use extract";
  return `${none}: they are text that begins with ${quote(text)}; ${hint}`;
}
