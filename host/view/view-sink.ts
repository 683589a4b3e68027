/** Turns packets into columns without JSON in between: several times as fast. */

import { STREAM_DATA } from "../../src/ring/packet-layout.ts";
import type { DecodeItem, Gap, PacketReader, PacketSink } from "../decode/types.ts";
import { bootText } from "../packet/boot-record.ts";
import { type BootPlace, bootIdText, type TimeOf } from "../packet/line-context.ts";
import type { PacketHeader } from "../packet/packet.ts";
import { codeOf, numberIn, type Shape, type Step, textBytes } from "../packet/record-shapes.ts";
import type { CheckedPacket, RecordDecoder, RecordTally, TokenNames } from "../packet/records.ts";
import type { RegistryModel } from "../registry/model.ts";
import type { Problem } from "../text/errors.ts";
import type { AttributeColumn, Boot, EventColumns, Kind } from "./event-columns.ts";
import { ABSENT } from "./format.ts";

interface ShapePlan {
  readonly kind: Kind;
  /** For each of the kind's columns, where the value is; undefined: the record does not have it. */
  readonly values: readonly {
    readonly to: AttributeColumn;
    readonly step: Step | undefined;
    readonly words: number[];
  }[];
}

const SECOND_MS = 1000;
const TOLD_EVENTS = 32_768;
const NO_LINES = new Uint8Array(0);

export class ViewSink implements PacketSink {
  readonly #columns: EventColumns;
  readonly #registry: RegistryModel;
  readonly #records: RecordDecoder;
  readonly #timeOf: (place: BootPlace) => TimeOf | undefined;
  readonly #shapes = new Map<Shape, ShapePlan>();
  readonly #boots = new WeakMap<BootPlace, Boot>();
  /** By token, for the boot that these names belong to. */
  #tokens: (number | undefined)[] = [];
  #names: TokenNames | undefined;
  #problems: DecodeItem[] = [];
  #toldEvents = 0;

  constructor(
    columns: EventColumns,
    registry: RegistryModel,
    records: RecordDecoder,
    timeOf: (place: BootPlace) => TimeOf | undefined,
  ) {
    this.#columns = columns;
    this.#registry = registry;
    this.#records = records;
    this.#timeOf = timeOf;
  }

  packet(packet: CheckedPacket, { place, names }: PacketReader, tally: RecordTally): void {
    const columns = this.#columns;
    const boot = this.#bootOf(place);
    const timeOf = this.#timeOf(place);
    const { bytes, view } = packet;
    if (names !== this.#names) {
      this.#names = names;
      this.#tokens = [];
    }
    let second = -1;
    let offsetMs = Number.NaN;
    this.#records.visit(packet, tally, (shape, at, ms, eventSeq) => {
      // As in lines: computed once for each second since boot.
      if (timeOf !== undefined && Math.floor(ms / SECOND_MS) !== second) {
        second = Math.floor(ms / SECOND_MS);
        const time = timeOf(second * SECOND_MS);
        offsetMs = time === undefined ? Number.NaN : time.unixMs - second * SECOND_MS;
        if (time !== undefined) columns.wall(boot, second * SECOND_MS, time.unixMs, time.uncertaintyMs);
      }
      const { kind, values } = this.#planOf(shape);
      if (!columns.event(boot, kind, ms, eventSeq, ms + offsetMs)) return;
      for (const { to, step, words } of values)
        if (step === undefined) absent(to);
        else if (step.kind === "text") {
          const length = textBytes(step, bytes, at);
          if (length === 0 && to.isLeftOutEmpty) {
            absent(to);
            continue;
          }
          to.column.int(length);
          to.text!.copy(bytes, at + step.offset, at + step.offset + length);
          to.page.bytes += length;
        } else if (step.kind === "enum") {
          const code = codeOf(step, bytes, at);
          words[code] ??= columns.word(step.values[code]!);
          word(to, words[code]!);
        } else if (step.kind === "token") word(to, this.#token(view.getUint16(at + step.offset, true), tally));
        else if (to.page.type === "double") to.column.double(numberIn(step, bytes, view, at));
        else to.column.int(numberIn(step, bytes, view, at));
    });
  }

  gap(gap: DecodeItem & Gap & { readonly kind: "gap" }, header: PacketHeader): void {
    if (header.streamId === STREAM_DATA) this.#columns.gap(this.#bootOf(gap), gap);
  }

  boot(boot: DecodeItem & { readonly kind: "boot" }): void {
    const { page } = this.#bootOf(boot);
    page.reset ??= bootText(boot.record);
    page.after ??= boot.record.reset;
  }

  problem(problem: Problem): void {
    this.#problems.push({ kind: "problem", problem });
  }

  /** An empty batch is a sign that events have come: then the reader may wait. */
  take(): DecodeItem[] {
    if (this.#columns.events - this.#toldEvents >= TOLD_EVENTS) {
      this.#problems.push({ kind: "batch", lines: NO_LINES, count: this.#columns.events - this.#toldEvents });
      this.#toldEvents = this.#columns.events;
    }
    const problems = this.#problems;
    this.#problems = [];
    return problems;
  }

  #bootOf(place: BootPlace): Boot {
    let known = this.#boots.get(place);
    if (known === undefined) {
      const { device, boot, bootId, reader } = place;
      known = this.#columns.boot({ device, boot, bootId: bootIdText(bootId), reader });
      this.#boots.set(place, known);
    }
    return known;
  }

  #planOf(shape: Shape): ShapePlan {
    let found = this.#shapes.get(shape);
    if (found === undefined) {
      const kind = this.#columns.kindsOf(this.#registry).get(shape.type.event)!;
      const values = kind.columns.map((to) => ({
        to,
        step: shape.steps.find(({ key }) => key === to.page.key),
        words: [] as number[],
      }));
      found = { kind, values };
      this.#shapes.set(shape, found);
    }
    return found;
  }

  #token(token: number, tally: RecordTally): number {
    const known = this.#tokens[token];
    if (known !== undefined) return known;
    const name = token === 0 ? "" : this.#names!.get(token)?.name;
    if (name === undefined) tally.unnamedTokens++;
    const word = this.#columns.word(name ?? "");
    // A token without a name may get one later.
    if (name !== undefined) this.#tokens[token] = word;
    return word;
  }
}

/** The first word is "". */
function word(to: AttributeColumn, index: number): void {
  if (index === 0 && to.isLeftOutEmpty) absent(to);
  else to.column.int(index);
}

export function absent({ column, page }: AttributeColumn): void {
  if (page.type === "double") column.double(Number.NaN);
  else {
    column.byte(ABSENT);
    page.isSmall = false;
  }
}
