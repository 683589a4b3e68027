import { PACKET_HEADER_BYTES, PACKET_MAGIC, STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import type { BootFolder } from "../capture/folder.ts";
import { type Damage, type PacketHeader, parsePacketHeader, readTokens } from "../packet/packet.ts";
import type { Problem } from "../text/errors.ts";
import { quote } from "../text/lines.ts";
import { HEAD_BYTES, noPacket } from "./no-packet.ts";
import { MAGIC, ownBytes } from "./own-bytes.ts";
import { CHUNK_BYTES, type ReaderState, type Session } from "./session.ts";
import type { DecodeItem } from "./types.ts";

/** Where a packet stream comes from, and what must be in it. */
interface Origin {
  readonly file?: string;
  readonly boot?: BootFolder;
  readonly streamId?: number;
  /** Token packets that repeat known names are expected: each part of a rotated trace begins with them. */
  readonly repeatsTokens?: boolean;
  /** Each push is one packet, delimited by a frame or a datagram: it is not cut, and needs no bytes after it. */
  readonly isWhole?: boolean;
  /**
   * How many earlier boots have the id of the packet's boot, if somebody has decided that. Else it is decided here; or
   * by the folder: 0.
   */
  readonly bootsBefore?: number;
}

/**
 * Finds the packets in a stream of bytes. After a good packet the next one is expected. After anything else the bytes
 * are searched for one; a damaged packet is searched from its second byte on, because its claimed size may be wrong and
 * swallow good packets. Each byte is checked as part of a record once, and searched once.
 */
export class PacketScanner {
  readonly #session: Session;
  readonly #origin: Origin;
  /** Bytes that are not decided yet, at most one packet and one chunk: 0 <= #start <= #end <= #buffer.length. */
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #start = 0;
  #end = 0;
  /** Offset in the stream of the buffer's first byte. */
  #base = 0;
  /** Fewer bytes than this decide nothing. */
  #needed = 1;
  /** Offset where bytes begin that are not a packet; -1 if the last byte was part of one, or of reported damage. */
  #strayFrom = -1;
  #inDamage = false;
  #sawPacket = false;
  #head = Buffer.alloc(0);
  #lastRefusal = "";

  /** `buffer`: its own, as large as the session's, if it takes turns with other scanners. */
  constructor(session: Session, origin: Origin, buffer = session.buffer) {
    this.#session = session;
    this.#origin = origin;
    this.#buffer = buffer;
    this.#view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.byteLength);
  }

  push(chunk: Uint8Array): DecodeItem[] {
    this.#feed(chunk);
    return this.#session.items.take();
  }

  #feed(chunk: Uint8Array): void {
    if (this.#head.length < HEAD_BYTES)
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES - this.#head.length)]);
    for (let from = 0; from < chunk.length; ) {
      if (this.#start > 0 && this.#buffer.length - this.#end < CHUNK_BYTES) {
        this.#buffer.copyWithin(0, this.#start, this.#end);
        this.#base += this.#start;
        this.#end -= this.#start;
        this.#start = 0;
      }
      const count = Math.min(chunk.length - from, this.#buffer.length - this.#end);
      this.#buffer.set(chunk.subarray(from, from + count), this.#end);
      this.#end += count;
      from += count;
      this.#scan(false);
    }
  }

  /** Bytes that wait for what follows them. */
  get waitingBytes(): number {
    return this.#end - this.#start;
  }

  /** A whole packet of this many bytes is skipped. Only while nothing waits. */
  skip(count: number): void {
    this.#base += count;
    this.#sawPacket = true;
  }

  end(): DecodeItem[] {
    this.#scan(true);
    const bytes = this.#base + this.#end;
    if (this.#sawPacket) this.#endStray();
    else if (bytes > 0) this.#damaged({ code: "E_NO_PACKET", message: noPacket(bytes, this.#head) }, 0);
    else if (this.#origin.streamId !== STREAM_TOKENS)
      this.#damaged({ code: "E_EMPTY", message: "it is empty: expected a packet stream" }, 0);
    return this.#session.items.take();
  }

  #scan(final: boolean): void {
    for (;;) {
      const left = this.#end - this.#start;
      if (left === 0 || (left < this.#needed && !final)) return;
      const isHere = left >= MAGIC.length && this.#view.getInt32(this.#start, true) === PACKET_MAGIC;
      const found = isHere ? 0 : this.#buffer.subarray(this.#start, this.#end).indexOf(MAGIC);
      if (found > 0) {
        this.#pass(found);
        continue;
      }
      if (found < 0 && left >= MAGIC.length) {
        this.#pass(left - (MAGIC.length - 1)); // a magic may begin in the last three bytes
        continue;
      }
      if (left < PACKET_HEADER_BYTES) {
        this.#needed = found < 0 ? MAGIC.length : PACKET_HEADER_BYTES;
        if (!final) return;
        this.#cutHeader();
        continue;
      }
      const outcome = parsePacketHeader(this.#view, this.#start, this.#session.uuids);
      if (outcome.kind === "none") {
        this.#pass(1);
        continue;
      }
      if (outcome.kind === "header" && left < outcome.header.packetBytes && !final) {
        this.#needed = outcome.header.packetBytes;
        return;
      }
      const claimed = outcome.kind === "header" ? outcome.header.packetBytes : PACKET_HEADER_BYTES;
      const own = this.#ownBytes(claimed, final);
      if (own === undefined) {
        this.#needed = left + 1;
        return;
      }
      this.#needed = 1;
      this.#endStray();
      this.#sawPacket = true;
      this.#inDamage = outcome.kind === "damage" || !this.#packet(outcome.header, Math.min(left, own));
      if (outcome.kind === "damage") {
        const isCut = own < PACKET_HEADER_BYTES;
        if (isCut) this.#damaged(cutHeader("another packet begins", own), this.#base + this.#start);
        else this.#refuse(outcome.damage, outcome.packetNumber);
      }
      this.#start += outcome.kind === "header" && !this.#inDamage ? outcome.header.packetBytes : 1;
    }
  }

  #ownBytes(packetBytes: number, final: boolean): number | undefined {
    if (this.#origin.isWhole) return packetBytes;
    return ownBytes(this.#buffer, this.#start, packetBytes, this.#end, this.#session.beginnings, final);
  }

  /** Skips bytes that are not a packet. */
  #pass(count: number): void {
    if (this.#strayFrom < 0 && !this.#inDamage) this.#strayFrom = this.#base + this.#start;
    this.#start += count;
    this.#needed = 1;
  }

  /** The data ends within what may be the header of a packet: fewer bytes are left than a header has. */
  #cutHeader(): void {
    const left = this.#end - this.#start;
    const { beginnings } = this.#session;
    const whole = beginnings[0]!.length;
    const length = Math.min(left, whole);
    const begins = (known: Buffer) => this.#buffer.compare(known, 0, length, this.#start, this.#start + length) === 0;
    const begun = beginnings.some(begins);
    const expected = this.#sawPacket && !this.#inDamage && this.#strayFrom < 0;
    if (begun && (expected || length === whole)) {
      this.#endStray();
      this.#sawPacket = true;
      this.#damaged(cutHeader("the data ends", left), this.#base + this.#start);
      this.#start = this.#end;
    } else {
      this.#pass(begun ? left : 1);
    }
  }

  #endStray(): void {
    if (this.#strayFrom < 0) return;
    const count = this.#base + this.#start - this.#strayFrom;
    this.#damaged({ code: "E_STRAY", message: `${count} bytes that are not a packet` }, this.#strayFrom);
    this.#strayFrom = -1;
  }

  /**
   * A header that is damaged, or not for us: of consecutive packets from one other registry only the first is reported.
   */
  #refuse(damage: Damage, packetNumber: number | undefined): void {
    const offset = this.#base + this.#start;
    if (damage.code === "E_REGISTRY" || damage.code === "E_WIRE_FORMAT") {
      this.#session.sums.refused++;
      if (damage.message !== this.#lastRefusal) this.#report(damage, offset, packetNumber);
      this.#lastRefusal = damage.message;
    } else {
      this.#damaged(damage, offset, packetNumber);
    }
  }

  /**
   * A packet with a good header and `left` bytes, its own or more. Returns false if it is damaged; then the search
   * continues within it.
   */
  #packet(header: PacketHeader, left: number): boolean {
    const { boot, streamId } = this.#origin;
    const offset = this.#base + this.#start;
    const available = Math.min(left, header.packetBytes);
    const misplaced =
      (boot?.bootId !== undefined && (boot.bootId !== header.bootId || boot.reader !== header.reader)) ||
      (streamId !== undefined && streamId !== header.streamId);
    if (misplaced) {
      const kind = header.streamId === STREAM_DATA ? "data" : "token";
      const message = `a ${kind} packet of boot ${header.bootId}, reader ${header.reader}, does not belong in this file`;
      this.#damaged({ code: "E_MISPLACED", message }, offset, header.packetNumber);
      return false;
    }
    const damage = header.streamId === STREAM_DATA ? this.#data(header, available) : this.#tokens(header, available);
    if (damage) this.#damaged(damage, offset, header.packetNumber);
    return damage === undefined;
  }

  #data(header: PacketHeader, available: number): Damage | undefined {
    const { records, tally, sums, items } = this.#session;
    const at = this.#start;
    const unnamedBefore = tally.unnamedTokens;
    const cut = this.#cut(header, available);
    if (header.contentBytes === PACKET_HEADER_BYTES) return cut; // the empty packet of a capture folder
    const checked = records.check(this.#buffer, this.#view, at, available, header);
    const damage = cut && (checked.damage?.code ?? "E_LENGTH") === "E_LENGTH" ? cut : checked.damage;
    if (checked.endByte === PACKET_HEADER_BYTES) return damage;

    const state = this.#stateOf(header, damage === undefined);
    const verdict = state.history.data(header, checked);
    if (verdict.problem) this.#judge(verdict.problem, header, damage === undefined);
    if (verdict.accepted) {
      sums.packets++;
      sums.lostOnDevice += verdict.lostOnDevice;
      sums.lostInTransit += verdict.lostInTransit;
      sums.beforeFirstPacket += verdict.beforeFirst;
      sums.missingPackets += verdict.missingPackets;
      if (checked.jumpMs > 0) sums.timeJumps++;
      this.#session.onAccepted?.(header, state.place);
      const { lostOnDevice, lostInTransit, beforeFirst } = verdict;
      if (lostOnDevice + lostInTransit + beforeFirst > 0)
        items.gap(
          {
            kind: "gap",
            ...state.place,
            packet: header.packetNumber,
            lostOnDevice,
            lostInTransit,
            beforeFirstPacket: beforeFirst,
          },
          header,
        );
      if (checked.boot !== undefined) {
        this.#session.countBoot(checked.boot);
        items.boot({ kind: "boot", ...state.place, packet: header.packetNumber, record: checked.boot });
      }
      sums.suppressed += checked.suppressed;
      // A packet may have only losses, or a time jump.
      if (checked.events > 0)
        items.packet({ bytes: this.#buffer, view: this.#view, at, header, checked }, state, tally);
      this.#session.countUnnamed(state, tally.unnamedTokens - unnamedBefore);
    }
    return damage;
  }

  #tokens(header: PacketHeader, available: number): Damage | undefined {
    const { sums } = this.#session;
    const { entries, damage } = readTokens(this.#buffer, this.#start, available, header);
    const cut = this.#cut(header, available);
    if (entries.length === 0 && (damage || cut)) return cut ?? damage;
    const state = this.#stateOf(header, damage === undefined && cut === undefined);
    const verdict = state.history.tokens(header.packetNumber);
    const isExpected =
      this.#origin.repeatsTokens && entries.every(({ token, name }) => state.names.get(token)?.name === name);
    if (!verdict.problem) sums.tokenPackets++;
    else if (!isExpected) this.#judge(verdict.problem, header, damage === undefined && cut === undefined);
    sums.missingPackets += verdict.missingPackets;
    for (const { token, name } of entries) {
      if (this.#session.learn(state, token, name)) continue;
      const known = quote(state.names.get(token)!.name);
      const message = `token ${token} is ${known}, but is now called ${quote(name)}: the first name stays`;
      this.#damaged({ code: "E_TOKEN", message }, this.#base + this.#start, header.packetNumber);
    }
    return cut ?? damage;
  }

  #cut({ packetBytes }: PacketHeader, available: number): Damage | undefined {
    if (available === packetBytes) return undefined;
    const what = this.#end - this.#start > available ? "another packet begins" : "the data ends";
    return { code: "E_CUT", message: `${what} ${available} bytes into a packet of ${packetBytes}` };
  }

  /**
   * Returns the state of the packet's boot and reader. Where another boot begins, its earlier packets are decoded
   * before this one.
   */
  #stateOf(header: PacketHeader, isIntact: boolean): ReaderState {
    const { teller } = this.#session;
    const { boot: folder, bootsBefore = folder && 0 } = this.#origin;
    const told = bootsBefore ?? teller.of(header, isIntact ? this.#bytesOf(header) : undefined);
    if (typeof told === "number") return this.#session.reader(header.bootId, told, header.reader);
    this.#report(told.warning, this.#base + this.#start, header.packetNumber);
    for (const { wasTaken } of told.first) this.#session.sums[wasTaken ? "tokenPackets" : "repeated"]--;
    const origin = { ...this.#origin, isWhole: true, bootsBefore: told.boot };
    for (const { packet } of told.first)
      new PacketScanner(this.#session, origin, Buffer.alloc(packet.length + CHUNK_BYTES)).#feed(packet);
    return this.#session.reader(header.bootId, told.boot, header.reader);
  }

  #bytesOf({ packetBytes }: PacketHeader): Buffer {
    return this.#buffer.subarray(this.#start, this.#start + packetBytes);
  }

  #judge(problem: Damage, header: PacketHeader, isIntact: boolean): void {
    const { boot, bootsBefore } = this.#origin;
    const { packetNumber: packet } = header;
    const offset = this.#base + this.#start;
    if (problem.code === "W_REPEATED") {
      this.#session.sums.repeated++;
      if (isIntact && boot === undefined && bootsBefore === undefined)
        this.#session.teller.passedOver(header, Buffer.from(this.#bytesOf(header)));
    }
    if (problem.code.startsWith("E_")) this.#damaged(problem, offset, packet);
    else this.#report(problem, offset, packet);
  }

  #damaged(damage: Damage, offsetBytes: number, packet?: number): void {
    this.#session.sums.damaged++;
    this.#report(damage, offsetBytes, packet);
  }

  #report({ code, message }: Damage, offsetBytes: number, packet?: number): void {
    const { file } = this.#origin;
    const problem: Problem = {
      code,
      message,
      ...(file !== undefined && { file }),
      offsetBytes,
      ...(packet !== undefined && { packet }),
    };
    this.#session.items.problem(problem);
  }
}

function cutHeader(what: string, bytes: number): Damage {
  return { code: "E_CUT", message: `${what} ${bytes} bytes into a packet's header` };
}
