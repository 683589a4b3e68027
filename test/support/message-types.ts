// The type that an adapter finds in a message, as recorded; and the expected one, computed plainly: it shares no code with src/.
import { Telemetry } from "xs-telemetry";
import { instrument, type ServerMessage } from "xs-telemetry/websocket";
import { readPacket } from "./bytes.ts";
import { FakeServer } from "./fake-websocket-server.ts";

const WINDOW = 512;
const MEMBERS = 40;
/** XS without natives gives up after this many steps, and for longer texts: see src/adapters/message-type.ts. */
export const XS_STEPS = 20;
export const XS_CHARACTERS = 4096;

declare const args: readonly string[] | undefined;
/** Inside XS, without natives. */
export const givesUpSoon = typeof args === "object" && args[0] === "typescript";

export interface Found {
  /** As UTF-8. */
  readonly type: readonly number[];
  /** "" instead of one that the table did not take, or whose search was given up. */
  readonly isUnlisted: boolean;
}

/** Sends messages to a server with an adapter. `payloads`: behind privacy that takes another path in the natives. */
export function typeFinder(options: Partial<ConstructorParameters<typeof Telemetry>[0]> = {}, payloads = false) {
  const telemetry = new Telemetry({ capacityBytes: 4096, messageTypes: 65_535, clock: { now: () => 5 }, ...options });
  const reader = telemetry.reader();
  const server = new FakeServer();
  instrument(server, telemetry, { payloads });
  server.callback = () => undefined;
  const connection = server.accept("::1");
  const buffer = new Uint8Array(4096);
  const names: number[][] = [[]];
  let unlisted = 0;
  const drain = (): number => {
    let last = 0;
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer)) {
      const { tokens = [], records = [] } = readPacket(buffer.slice(0, length));
      for (const { token, name } of tokens) names[token] = Array.from(name, (byte) => byte.charCodeAt(0));
      for (const { token } of records) last = token;
    }
    return last;
  };
  drain();
  return {
    telemetry,
    find(message: ServerMessage): Found {
      connection.peerSends(message);
      const { unlistedTypes } = telemetry.counters();
      const isUnlisted = unlistedTypes > unlisted;
      unlisted = unlistedTypes;
      return { type: names[drain()]!, isUnlisted };
    },
  };
}

/** The rule's result for a message: the bytes of a text as XS keeps it, or of a message of bytes. */
export interface Ruled {
  /** As it is written, its escapes resolved; [] if there is none. */
  readonly name: readonly number[];
  /** There is none in the searched part, and the message is longer. */
  readonly isAbandoned: boolean;
  readonly steps: number;
}

const codeOf = (text: string) => text.charCodeAt(0);
const isFollowing = (byte: number | undefined) => byte !== undefined && byte >> 6 === 2;

/** The searched bytes; undefined if the lead bytes are not UTF-8. */
function lookedAt(bytes: readonly number[], isText: boolean): { seen: readonly number[]; isCut: boolean } | undefined {
  const all = bytes.includes(0) ? bytes.slice(0, bytes.indexOf(0)) : bytes;
  if (isText) {
    let characters = 0;
    const end = all.findIndex((byte, index) => (isFollowing(byte) && index > 0 ? false : ++characters > WINDOW));
    return { seen: end < 0 ? all : all.slice(0, end), isCut: end >= 0 };
  }
  let end = Math.min(WINDOW, bytes.length);
  if (bytes.length > WINDOW) while (end > WINDOW - 4 && isFollowing(bytes[end])) end--;
  const seen = all.slice(0, end);
  for (let at = 0; at < seen.length; ) {
    const lead = seen[at++]!;
    if (isFollowing(lead)) return undefined;
    for (let left = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3; left > 0; left--)
      if (!isFollowing(seen[at++])) return undefined;
  }
  return { seen, isCut: bytes.length > WINDOW && all.length >= end };
}

/** The meaning of a string between its quotes; [] if an escape is wrong. */
function meaningOf(written: readonly number[]): number[] {
  const meaning: number[] = [];
  for (let at = 0; at < written.length; at++) {
    if (written[at] !== 0x5c) {
      meaning.push(written[at]!);
      continue;
    }
    const letter = String.fromCharCode(written[++at]!);
    const plain = { '"': 0x22, "\\": 0x5c, "/": 0x2f, b: 8, f: 12, n: 10, r: 13, t: 9 }[letter];
    if (plain !== undefined) meaning.push(plain);
    else if (letter !== "u") return [];
    else {
      let code = 0;
      for (let digit = 0; digit < 4; digit++) {
        const value = "0123456789abcdef".indexOf(String.fromCharCode(written[++at] ?? 0x78).toLowerCase());
        if (value < 0) return [];
        code = code * 16 + value;
      }
      if (code > 0 && code < 0x80) meaning.push(code);
      else if (code < 0x800) meaning.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else meaning.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
  }
  return meaning;
}

export function ruledOf(bytes: readonly number[], isText: boolean): Ruled {
  const looked = lookedAt(bytes, isText);
  if (!looked) return { name: [], isAbandoned: false, steps: 0 };
  const { seen, isCut } = looked;
  let at = 0;
  let steps = 0;
  const isAt = (text: string) => seen[at] === codeOf(text);
  const pass = () => {
    do at++;
    while (isFollowing(seen[at]));
  };
  const take = () => {
    pass();
    steps++;
  };
  const skipSpace = () => {
    while (isAt(" ") || isAt("\t") || isAt("\n") || isAt("\r")) take();
  };
  /** Between quotes; undefined if it does not end. */
  const readString = (): number[] | undefined => {
    const written: number[] = [];
    steps += 2;
    let backslashes = 0;
    for (at++; at < seen.length; at++) {
      if (isAt('"')) {
        steps += 6 * backslashes;
        if (backslashes % 2 === 0) {
          pass();
          return written;
        }
      }
      backslashes = isAt("\\") ? backslashes + 1 : 0;
      written.push(seen[at]!);
    }
    return undefined;
  };
  const escapesOf = (written: readonly number[]) => written.filter((byte) => byte === 0x5c).length;
  let method: number[] | undefined;
  let members = 0;
  const end = (): Ruled => ({
    name: method ?? [],
    isAbandoned: !method && (members > MEMBERS || (isCut && at >= seen.length)),
    steps,
  });
  skipSpace();
  if (!isAt("{")) return end();
  do {
    take();
    skipSpace();
    if (!isAt('"') || ++members > MEMBERS) return end();
    const key = readString();
    if (!key) return end();
    steps += 6 * escapesOf(key);
    const word = String.fromCharCode(...meaningOf(key));
    skipSpace();
    if (!isAt(":")) return end();
    take();
    skipSpace();
    if (isAt('"')) {
      const value = readString();
      if (!value) return end();
      if (word === "type" || (word === "method" && !method)) {
        steps += 6 * escapesOf(value);
        if (word === "type") return { name: meaningOf(value), isAbandoned: false, steps };
        method = meaningOf(value);
      }
    } else
      for (let depth = 0; depth !== 0 || (!isAt(",") && !isAt("}")); ) {
        if (at >= seen.length) return end();
        if (isAt('"')) {
          if (!readString()) return end();
          continue;
        }
        if (isAt("{") || isAt("[")) depth++;
        else if (isAt("}") || isAt("]")) depth--;
        take();
      }
    skipSpace();
  } while (isAt(","));
  return end();
}
