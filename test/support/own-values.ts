/** The results of generated writers for arguments, good and bad: the reference that they are tested against. */
import fc from "fast-check";
import { type Call, goodValue, RANGES } from "./arbitrary-calls.ts";
import type { FieldSpec, RegistrySpec } from "./arbitrary-registries.ts";

const hostile = Object.freeze({
  valueOf: () => {
    throw new Error("valueOf was called");
  },
  toString: () => {
    throw new Error("toString was called");
  },
});
const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1.5, -0.5, 2 ** 53, 1e300, -1e300];
const OTHERS = [null, {}, [], Symbol("s"), 1n, hostile, true, () => 1, new DataView(new ArrayBuffer(4))];
const TEXTS = ["a\0b", "\ud800", "x\udc00y", "é".repeat(100), "😀".repeat(40), "5", ""];
const BYTES = ["", "ff", "61c3", "eda080", "f09f9880", "00".repeat(120), "e282ac".repeat(40)];

/** A value for an attribute, valid or not. */
const anyValue = (field: FieldSpec): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 3, arbitrary: goodValue(field) },
    fc.constantFrom(...NUMBERS, ...OTHERS, ...TEXTS),
    fc.constantFrom(...BYTES).map((hex) => Uint8Array.from(Buffer.from(hex, "hex"))),
  );

/** Calls with anything for arguments, and any of the optional ones. */
export function anyCalls({ events }: RegistrySpec): fc.Arbitrary<Call[]> {
  const calls = events.map((event) => {
    const values = fc.record(Object.fromEntries(event.fields.map((field) => [field.key, anyValue(field)])), {
      requiredKeys: event.fields.filter(({ isOptional }) => !isOptional).map(({ key }) => key),
    });
    return fc.record({ values, afterMs: fc.nat(1000) }).map((call): Call => ({ event, ...call }));
  });
  return fc.array(fc.oneof(...calls), { minLength: 1, maxLength: 30 });
}

export interface Kept {
  /** As decoded; undefined if it cannot be recorded. */
  readonly value: unknown;
  readonly isCounted: boolean;
}

/** What a record keeps of a value. */
export function keptOf({ kind, members, maxBytes }: FieldSpec, value: unknown): Kept {
  switch (kind) {
    case "enum": {
      const isMember = members.some((member) => member.value === value);
      return { value: isMember ? value : undefined, isCounted: !isMember };
    }
    case "bool":
      return { value: Boolean(value), isCounted: typeof value !== "boolean" };
    case "token":
      // A string has been given to token(); a name of more than 64 bytes is "".
      if (typeof value !== "string") return { value: "", isCounted: true };
      return { value: tokenName(value), isCounted: false };
    case "text":
    case "ip":
      if (typeof value === "string") return { value: cut(wellFormed(value), maxBytes), isCounted: false };
      if (!(value instanceof Uint8Array)) return { value: undefined, isCounted: true };
      return { value: cut(new TextDecoder("utf-8", { ignoreBOM: true }).decode(value), maxBytes), isCounted: false };
    case "f32":
      return real(value, 3.4028234663852886e38, Math.fround);
    case "f64":
      return real(value, Number.MAX_VALUE, Number);
    default: {
      const [least, most] = RANGES[kind];
      if (typeof value !== "number") return { value: 0, isCounted: true };
      if (Number.isInteger(value) && value >= least && value <= most) return { value: value + 0, isCounted: false };
      return { value: Math.min(Math.max(Math.trunc(value) || 0, least), most), isCounted: true };
    }
  }
}

function real(value: unknown, most: number, rounded: (value: number) => number): Kept {
  if (typeof value !== "number") return { value: 0, isCounted: true };
  const within = Math.min(Math.max(value || 0, -most), most);
  return { value: rounded(within) + 0, isCounted: !Object.is(within, value) && value !== 0 };
}

/** With U+FFFD for lone surrogates. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

function cut(text: string, maxBytes: number): string {
  let kept = "";
  let bytes = 0;
  for (const character of text.replaceAll("\0", "\ufffd")) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    kept += character;
  }
  return kept;
}

function tokenName(name: string): string {
  const whole = wellFormed(name).replaceAll("\0", "\ufffd");
  return Buffer.byteLength(whole) > 64 ? "" : whole;
}
