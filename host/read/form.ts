/** Recognises what a recording is by its first bytes, never by its name. */
import { isUtf8 } from "node:buffer";
import { PACKET_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import { MAGIC } from "../decode/own-bytes.ts";
import { registry } from "../generated/registry.ts";
import { parsePacketHeader, uuidsOf } from "../packet/packet.ts";
import { hasConsoleLine } from "../receive/console-lines.ts";
import { hasFlashBlock } from "../receive/flash-image.ts";

/**
 * "packets": as the device wrote them. "frames": packets in frames, or as lines on a console, with or without log text between them. "flash": an
 * image of a flash store. "lines": JSON lines, and anything else that begins with a brace. "text", "bytes": none of
 * these within the bytes that are examined.
 */
export type ByteForm = "packets" | "frames" | "flash" | "lines" | "text" | "bytes";

/** This many bytes decide; fewer, if there are no more, or if they are clear. */
export const FORM_BYTES = 64 * 1024;
/** A header is valid, or not, whichever registry the packet belongs to. */
const UUIDS = uuidsOf(registry);
/** The smallest code of a COBS group that can contain a magic. */
const LEAST_CODE = 5;
const OPENING_BRACE = 0x7b;

/**
 * Returns the form; undefined as long as more bytes could change the answer. With `isWhole` there are no more.
 * @internal
 */
export function byteForm(head: Buffer, isWhole: boolean): ByteForm | undefined {
  if (hasFlashBlock(head)) return "flash";
  for (let at = head.indexOf(MAGIC); at >= 0; at = head.indexOf(MAGIC, at + 1)) {
    const isFramed = at > 0 && head[at - 1]! >= LEAST_CODE && (at === 1 || head[at - 2] === 0);
    if (head.length < at + PACKET_HEADER_BYTES && !isWhole) return undefined;
    const isPacket = mayBePacket(head, at, isFramed);
    if (isPacket || (at === 0 && !isFramed)) return "packets";
    if (isFramed) return "frames";
  }
  const isEnough = isWhole || head.length >= FORM_BYTES;
  const isText = isUtf8(head.subarray(0, utf8End(head))) && !head.includes(0);
  const first = head.findIndex((byte) => byte > 0x20);
  const start = head.indexOf("\ufeff") === 0 ? 3 : first;
  if (head[start] === OPENING_BRACE && (isEnough || head.includes("\n", start)) && (isText || isObject(head, start)))
    return "lines";
  // After JSON: a client's text in it may look like such a line.
  if (head[start] !== OPENING_BRACE && hasConsoleLine(head)) return "frames";
  if (!isEnough) return undefined;
  return isText ? "text" : "bytes";
}

/** Whether the line is an object, even if a byte of it or of a later line is damaged: the reader reports which. */
function isObject(head: Buffer, start: number): boolean {
  const end = head.indexOf("\n", start);
  return /^\{\s*".*\}\s*$/.test(head.toString("latin1", start, end < 0 ? head.length : end));
}

/**
 * In a frame, the fields after magic and fingerprint are shifted: there a damaged header does not count as a packet.
 */
function mayBePacket(head: Buffer, at: number, isFramed: boolean): boolean {
  if (head.length < at + PACKET_HEADER_BYTES) return false;
  const outcome = parsePacketHeader(new DataView(head.buffer, head.byteOffset, head.length), at, UUIDS);
  if (outcome.kind === "damage") return !isFramed || outcome.damage.code !== "E_HEADER";
  return outcome.kind === "header";
}

/** Without a character that is cut at the end. */
function utf8End(head: Buffer): number {
  for (let at = head.length - 1; at >= Math.max(0, head.length - 4); at--)
    if (head[at]! >= 0xc0) return at;
    else if (head[at]! < 0x80) break;
  return head.length;
}
