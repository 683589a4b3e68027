/** The token packets that a part of a rotated trace begins with, so that it names its tokens when it is read alone. */
import { TOKEN_ENTRY_HEADER_BYTES } from "../../src/ring/packet-layout.ts";
import type { TokenEntry } from "../packet/packet.ts";

interface ToldPacket {
  readonly number: number;
  readonly bytes: Buffer;
  readonly entries: readonly TokenEntry[];
  /** Tokens that no later packet tells. */
  newest: number;
}

/** A name in a packet of its own, and told again with all others, takes less than MOST_SHARE times this and its entry. */
const NAME_BYTES = 100;
const MOST_SHARE = 4;
const SPARE_BYTES = 16 * 1024;
/** So many bytes take as much memory as a name held elsewhere. */
const BYTES_A_NAME = 128;

/**
 * Holds token packets as they came, from the oldest one that tells what no later one does: a device tells all tokens again and
 * again, so these are few. Packets made up here would bear numbers of the device's, with another content: packets of one number
 * are the same. Bytes are at most four times those of the names, each with 100 more, and 16 KB: of a device that fills packets
 * without telling names, the oldest are given up.
 */
export class ToldTokens {
  #packets: ToldPacket[] = [];
  /** The last packet that tells of a token. */
  readonly #newest = new Map<number, ToldPacket>();
  #bytes = 0;
  #mostBytes = SPARE_BYTES;

  /** What is held, as so many names. */
  get held(): number {
    return Math.ceil(this.#bytes / BYTES_A_NAME);
  }

  /** Takes a token packet that is in the trace now. Copies it. Costs as much as it has entries. */
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

  /** All packets held, in order of their numbers; undefined without one. */
  bytes(): Buffer | undefined {
    if (this.#packets.length === 0) return undefined;
    return Buffer.concat([...this.#packets].sort((a, b) => a.number - b.number).map(({ bytes }) => bytes));
  }
}

function shareOf({ name }: TokenEntry): number {
  return MOST_SHARE * (NAME_BYTES + TOKEN_ENTRY_HEADER_BYTES + Buffer.byteLength(name));
}
