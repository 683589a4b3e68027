/**
 * The token packets that a part of a rotated trace begins with, so that the part names its tokens when it is read
 * alone.
 */
import { TOKEN_ENTRY_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import type { TokenEntry } from "../packet/packet.ts";

interface ToldPacket {
  readonly number: number;
  readonly bytes: Buffer;
  readonly entries: readonly TokenEntry[];
  /** Tokens that no later packet repeats. */
  newest: number;
}

/**
 * A name in its own packet, and repeated together with all others, takes less than MOST_SHARE times this and its entry.
 */
const NAME_BYTES = 100;
const MOST_SHARE = 4;
const SPARE_BYTES = 16 * 1024;
/** This many bytes take as much memory as a name held elsewhere. */
const BYTES_A_NAME = 128;

/**
 * Holds token packets as they came, from the oldest one with a token that no later one repeats: a device repeats all
 * tokens regularly, so these are few. Packets made up here would have numbers of the device's packets with another
 * content, but packets with one number must be the same. The bytes are at most four times those of the names, 100 more
 * for each name, plus 16 KB: if a device fills packets without repeating names, the oldest packets are given up.
 */
export class ToldTokens {
  #packets: ToldPacket[] = [];
  /** The last packet that names a token. */
  readonly #newest = new Map<number, ToldPacket>();
  #bytes = 0;
  #mostBytes = SPARE_BYTES;

  /** The held memory, counted in names. */
  get held(): number {
    return Math.ceil(this.#bytes / BYTES_A_NAME);
  }

  /** Takes a token packet that is in the trace now. Copies it. Costs time linear in its entries. */
  add(packet: Uint8Array, number: number, entries: readonly TokenEntry[]): void {
    const told: ToldPacket = { number, bytes: Buffer.from(packet), entries, newest: 0 };
    for (const entry of entries) {
      const before = this.#newest.get(entry.token);
      if (before === told) continue;
      if (before === undefined) this.#mostBytes += shareOf(entry);
      else before.newest--;
      told.newest++;
      this.#newest.set(entry.token, told);
    }
    this.#packets.push(told);
    this.#bytes += told.bytes.length;
    let kept = 0;
    for (; kept < this.#packets.length; kept++) {
      const oldest = this.#packets[kept]!;
      if (oldest.newest > 0 && this.#bytes <= this.#mostBytes) break;
      this.#bytes -= oldest.bytes.length;
      for (const entry of oldest.entries)
        if (this.#newest.get(entry.token) === oldest) {
          this.#newest.delete(entry.token);
          this.#mostBytes -= shareOf(entry);
        }
    }
    if (kept > 0) this.#packets = this.#packets.slice(kept);
  }

  /** Returns all held packets, in order of their numbers; undefined if there are none. */
  bytes(): Buffer | undefined {
    if (this.#packets.length === 0) return undefined;
    return Buffer.concat([...this.#packets].sort((a, b) => a.number - b.number).map(({ bytes }) => bytes));
  }
}

function shareOf({ name }: TokenEntry): number {
  return MOST_SHARE * (NAME_BYTES + TOKEN_ENTRY_HEADER_BYTES + Buffer.byteLength(name));
}
