/** Any call of the writers of a registry. */
import fc from "fast-check";
import type { EventSpec, FieldSpec, RegistrySpec } from "./arbitrary-registries.ts";

/** A call of an event's writer: values by the key of the field; an absent optional one is not given. */
export interface Call {
  readonly event: EventSpec;
  readonly values: Readonly<Record<string, unknown>>;
  readonly afterMs: number;
}

/** Text as it is decoded: well-formed, without U+0000, within its bytes. */
const textOf = (maxBytes: number, least = 0): fc.Arbitrary<string> =>
  fc
    .string({ unit: "binary", minLength: least, maxLength: maxBytes })
    .map((text) => {
      let cut = text.replaceAll("\0", "\n");
      while (Buffer.byteLength(cut) > maxBytes) cut = [...cut].slice(0, -1).join("");
      return cut;
    })
    .filter((text) => text.length >= least);

/** Names of tokens; the emitter gives a token for each. */
const names = textOf(64);

/** A value that is kept as it is. */
export function goodValue({ kind, members, maxBytes }: FieldSpec): fc.Arbitrary<unknown> {
  switch (kind) {
    case "bool":
      return fc.boolean();
    case "enum":
      return fc.constantFrom(...members.map(({ value }) => value));
    case "token":
      return fc.oneof(fc.constantFrom("", "a", "b"), names);
    case "text":
    case "ip":
      return fc.oneof(fc.constant(""), textOf(maxBytes));
    case "f32":
      return fc.float({ noNaN: true, noDefaultInfinity: true });
    case "f64":
      return fc.double({ noNaN: true, noDefaultInfinity: true });
    default: {
      const [least, most] = RANGES[kind];
      return fc.oneof(fc.constantFrom(least, most, 0), fc.integer({ min: least, max: most }));
    }
  }
}

export const RANGES = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  i32: [-0x8000_0000, 0x7fff_ffff],
} as const;

/** Calls that the registry's records can hold as they are. */
export function goodCalls({ events }: RegistrySpec): fc.Arbitrary<Call[]> {
  const calls = events.flatMap((event) =>
    event.combinations.map((combination) => {
      const fields = event.fields.filter(({ key, isOptional }) => !isOptional || combination.includes(key));
      return fc
        .record({
          values: fc.record(Object.fromEntries(fields.map((field) => [field.key, goodValue(field)]))),
          other: fc.nat(),
          afterMs: fc.nat(100_000),
        })
        .map(({ values, other, afterMs }): Call => ({ event, values: obeying(fields, values, other), afterMs }));
    }),
  );
  return fc.array(fc.oneof(...calls), { minLength: 1, maxLength: 40 });
}

/** The values, with enums corrected that have a rule. */
function obeying(
  fields: readonly FieldSpec[],
  values: Record<string, unknown>,
  other: number,
): Record<string, unknown> {
  const right = { ...values };
  for (const { key, rule, members } of fields) {
    if (!rule) continue;
    const full = members.filter(({ value }) => value !== "");
    if (values[rule.key] === rule.value) right[key] = "";
    else if (values[key] === "") right[key] = full[other % full.length]!.value;
  }
  return right;
}
