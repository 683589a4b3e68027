import { JsonOutput } from "../packet/json-output.ts";
import type { CheckedPacket, RecordDecoder, RecordTally } from "../packet/records.ts";
import type { Problem } from "../text/errors.ts";
import type { Contexts } from "./contexts.ts";
import type { DecodeItem, DecodeOptions, PacketReader, PacketSink } from "./types.ts";

/**
 * The results of decoding, in the order of the bytes, until they are taken: packets in the requested form, and
 * problems.
 */
export class DecodeItems implements PacketSink {
  readonly #records: RecordDecoder;
  readonly #contexts: Contexts;
  readonly #form: "events" | "lines" | "batches";
  readonly #hasGaps: boolean;
  #items: DecodeItem[] = [];
  readonly #lines = new JsonOutput(64 * 1024);
  /** Lines from here on are in no batch yet; and how many they are. */
  #batchFrom = 0;
  #batchCount = 0;

  constructor(
    records: RecordDecoder,
    contexts: Contexts,
    form: "events" | "lines" | "batches",
    { gaps = false }: DecodeOptions,
  ) {
    this.#records = records;
    this.#contexts = contexts;
    this.#form = form;
    this.#hasGaps = gaps;
  }

  /** Adds the events of a packet that has some. Keeps no reference to it. */
  packet(packet: CheckedPacket, { place, names }: PacketReader, tally: RecordTally): void {
    const lines = this.#lines;
    const count = packet.checked.events;
    if (this.#form !== "batches") lines.clear();
    this.#records.write(packet, names, tally, lines, this.#contexts.lineOf(place));
    if (this.#form === "batches") {
      this.#batchCount += count;
      return;
    }
    const origin = { ...place, packet: packet.header.packetNumber };
    if (this.#form === "lines") {
      this.#items.push({ kind: "lines", ...origin, lines: new Uint8Array(lines.written()), count });
    } else {
      // Parsed from the lines, so that both say the same. A line feed within a line is escaped.
      const json = lines.written().toString().slice(0, -1).replaceAll("\n", ",");
      this.#items.push({ kind: "events", ...origin, events: JSON.parse(`[${json}]`) });
    }
  }

  gap(gap: DecodeItem & { readonly kind: "gap" }): void {
    if (!this.#hasGaps) return;
    this.#endBatch();
    this.#items.push(gap);
  }

  boot(boot: DecodeItem & { readonly kind: "boot" }): void {
    this.#endBatch();
    this.#items.push(boot);
  }

  problem(problem: Problem): void {
    this.#endBatch();
    this.#items.push({ kind: "problem", problem });
  }

  /** Returns everything so far. Its batches are valid until packet() is called again. */
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
