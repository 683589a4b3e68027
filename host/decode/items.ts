import type { BootRecord } from "../packet/boot-record.ts";
import { JsonOutput } from "../packet/json-output.ts";
import type { PacketHeader } from "../packet/packet.ts";
import type { CheckedPacket, RecordDecoder, RecordTally, TokenNames } from "../packet/records.ts";
import type { Problem } from "../text/errors.ts";
import type { DecodeItem, DecodeOptions, PacketPlace } from "./types.ts";

/** What decoding brings, in the order of the bytes, until somebody takes it: packets in the form that was asked for, and problems. */
export class DecodeItems {
  readonly #records: RecordDecoder;
  readonly #form: NonNullable<DecodeOptions["output"]>;
  #items: DecodeItem[] = [];
  readonly #lines = new JsonOutput(64 * 1024);
  /** Of the lines, those from here on are in no batch yet; so many. */
  #batchFrom = 0;
  #batchCount = 0;

  constructor(records: RecordDecoder, form: NonNullable<DecodeOptions["output"]>) {
    this.#records = records;
    this.#form = form;
  }

  /** Adds the events of a packet that has some. `boot`: how many with its id came before. Nothing of it is kept by reference. */
  packet(
    packet: CheckedPacket,
    { names, boot }: { readonly names: TokenNames; readonly boot: number },
    tally: RecordTally,
  ): void {
    const lines = this.#lines;
    const count = packet.checked.events;
    if (this.#form !== "batches") lines.clear();
    this.#records.write(packet, names, tally, lines);
    if (this.#form === "batches") {
      this.#batchCount += count;
      return;
    }
    const place = placeOf(packet.header, boot);
    if (this.#form === "lines") {
      this.#items.push({ kind: "lines", ...place, lines: new Uint8Array(lines.written()), count });
    } else {
      // Parsed from the lines, so that both say the same. A line feed within a line is escaped.
      const json = lines.written().toString().slice(0, -1).replaceAll("\n", ",");
      this.#items.push({ kind: "events", ...place, events: JSON.parse(`[${json}]`) });
    }
  }

  /** What a boot begins with. */
  boot(header: PacketHeader, boot: number, record: BootRecord): void {
    this.#endBatch();
    this.#items.push({ kind: "boot", ...placeOf(header, boot), record });
  }

  problem(problem: Problem): void {
    this.#endBatch();
    this.#items.push({ kind: "problem", problem });
  }

  /** All that is there. Batches among it are good until packet() is called again. */
  take(): DecodeItem[] {
    this.#endBatch();
    const items = this.#items;
    this.#items = [];
    this.#lines.clear();
    this.#batchFrom = 0;
    return items;
  }

  #endBatch(): void {
    const count = this.#batchCount;
    if (count === 0) return;
    this.#items.push({ kind: "batch", lines: this.#lines.written(this.#batchFrom), count });
    this.#batchFrom = this.#lines.length;
    this.#batchCount = 0;
  }
}

function placeOf({ bootId, reader, packetNumber }: PacketHeader, boot: number): PacketPlace {
  return { bootId, reader, packet: packetNumber, ...(boot > 0 && { bootNumber: boot + 1 }) };
}
