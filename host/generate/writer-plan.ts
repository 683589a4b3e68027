import type { Attribute, EnumMember, Field, RecordType, RegistryModel } from "../registry/model.ts";
import { shorterFrom } from "./typescript.ts";

/** An argument of an event's writer: the value of one field. */
export interface Argument {
  /** The attribute as the event names it. */
  readonly attribute: Attribute;
  /** For an enum: the field that holds its codes in records. */
  readonly members: readonly EnumMember[];
  /** For a text: its field when it is not empty. */
  readonly field: Field;
  /** Some record types of the event have no place for it. */
  readonly isOptional: boolean;
}

/** The content of the words before the text, the same in all the record types. */
export interface Body {
  readonly types: readonly RecordType[];
  readonly arguments: readonly Argument[];
  /** Words of these fields and of unused bits after them, as whole slots. */
  readonly words: number;
}

/** A rule that the decoder checks: `argument` has `emptyCode` exactly when `condition` has `code`. */
export interface WriterRule {
  readonly argument: Argument;
  readonly emptyCode: number;
  /** Undefined if the event has no such attribute: then it is always empty. */
  readonly condition: Argument | undefined;
  readonly code: number;
}

/** How the writer of an event makes its records. */
export interface WriterPlan {
  readonly event: string;
  readonly brief: string;
  /** In the registry's order, required ones first. */
  readonly arguments: readonly Argument[];
  readonly texts: readonly Argument[];
  /**
   * In the order of trying: the first type for which all optional arguments are present is written. The last one has
   * none.
   */
  readonly types: readonly RecordType[];
  readonly bodies: readonly Body[];
  readonly rules: readonly WriterRule[];
  /** For a type with a text, the id of the first record type for shorter texts. */
  readonly shorterFrom: ReadonlyMap<RecordType, number>;
  /** Optional arguments may be present together that no record type has together. */
  readonly isPartial: boolean;
}

const SLOT_WORDS = 4;
const SLOT_BITS = 128;

export function planWriters(model: RegistryModel): WriterPlan[] {
  const attributes = new Map(model.attributes.map((attribute) => [attribute.key, attribute]));
  return model.events.map((event) => {
    const types = model.recordTypes.filter((type) => type.event === event.name && type.shorterThan === undefined);
    const all = argumentsOf(
      event.attributes.map(({ key }) => attributes.get(key)!),
      attributes,
      types,
    );
    const optional = all.filter(({ isOptional }) => isOptional);
    const weight = (type: RecordType) => optional.filter((argument) => carries(type, argument)).length;
    const sets = new Set(types.map((type) => optional.map((argument) => carries(type, argument)).join()));
    return {
      event: event.name,
      brief: event.brief,
      arguments: [...all.filter(({ isOptional }) => !isOptional), ...optional],
      texts: all.filter(({ field }) => field.type === "text"),
      types: [...types].sort((a, b) => weight(b) - weight(a) || textBits(b) - textBits(a) || a.id - b.id),
      bodies: bodiesOf(types, all),
      rules: rulesOf(all),
      shorterFrom: new Map(
        types.flatMap((type) => {
          const id = shorterFrom(model, type);
          return id === undefined ? [] : [[type, id] as const];
        }),
      ),
      isPartial: sets.size < 2 ** optional.length,
    };
  });
}

export const carries = (type: RecordType, { field }: Argument): boolean =>
  type.fields.some(({ key }) => key === field.key);

/** The text of a record type, if it has one that is not empty. */
export const textOf = (type: RecordType): Field | undefined =>
  type.fields.find((field) => field.type === "text" && field.widthBits > 0);

const textBits = (type: RecordType): number => textOf(type)?.widthBits ?? 0;

/** Head and tail slots before the text. */
export const slotsBeforeText = (type: RecordType): number => type.slots - textBits(type) / SLOT_BITS;

/** One for each field. If several attributes share a field, the one that is present whatever the value is. */
function argumentsOf(
  ofEvent: readonly Attribute[],
  attributes: ReadonlyMap<string, Attribute>,
  types: readonly RecordType[],
): Argument[] {
  const byField = new Map<string, Attribute>();
  for (const attribute of ofEvent) {
    const key = attribute.sameAs ?? attribute.key;
    const same = byField.get(key);
    if (!same || (same.absentWhenEmpty && !attribute.absentWhenEmpty)) byField.set(key, attribute);
  }
  return [...byField].flatMap(([key, attribute]) => {
    const fields = types.flatMap((type) => type.fields.filter((field) => field.key === key));
    const field = fields.find(({ type, widthBits }) => type !== "text" || widthBits > 0);
    if (!field) return [];
    const { members } = attributes.get(key)!;
    return { attribute, members, field, isOptional: fields.length < types.length };
  });
}

function bodiesOf(types: readonly RecordType[], all: readonly Argument[]): Body[] {
  const bodies = new Map<string, { types: RecordType[]; arguments: Argument[]; words: number }>();
  for (const type of types) {
    const carried = all.filter((argument) => argument.field.type !== "text" && carries(type, argument));
    const key = carried.map(({ field }) => field.key).join();
    const body = bodies.get(key) ?? { types: [], arguments: carried, words: 0 };
    body.types.push(type);
    body.words = Math.max(body.words, slotsBeforeText(type) * SLOT_WORDS);
    bodies.set(key, body);
  }
  return [...bodies.values()];
}

function rulesOf(all: readonly Argument[]): WriterRule[] {
  return all.flatMap((argument) => {
    const rule = argument.attribute.emptyExactlyWhen;
    const emptyCode = argument.members.find(({ value }) => value === "")?.code;
    if (!rule || emptyCode === undefined) return [];
    const condition = all.find(({ attribute }) => attribute.key === rule.key);
    const code = condition?.members.find(({ value }) => value === rule.value)?.code ?? -1;
    return { argument, emptyCode, condition, code };
  });
}
