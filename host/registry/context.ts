/**
 * Device, boot and time of an event: attributes that follow the registry's own; docs/format.md is normative. If a
 * user's registry has an attribute with one of these names, that attribute counts.
 */
import { TelemetryError } from "../text/errors.ts";
import type { Attribute, RegistryModel } from "./model.ts";

/** The names that `with` accepts. */
export const CONTEXT_PARTS = ["device", "boot", "time"] as const;
export type ContextPart = (typeof CONTEXT_PARTS)[number];
/** "all": everything that is known. "auto": the same, if there is more than one boot. */
export type ContextChoice = readonly ContextPart[] | "all" | "auto" | "none";

/** An attribute that any event may have. */
export interface ContextAttribute {
  readonly key: string;
  readonly part: ContextPart;
  /** Whether it distinguishes one boot from others. */
  readonly isPlace: boolean;
  readonly type: Attribute["type"];
  readonly least?: number;
  readonly most?: number;
  readonly pattern?: RegExp;
  readonly expected: string;
}

const PLACE = { part: "boot", isPlace: true } as const;
const TIME = { part: "time", isPlace: false } as const;
export const TIME_FORM = /^\d{4}-(0\d|1[0-2])-([0-2]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;
/** In the order of a line. */
const ATTRIBUTES: readonly ContextAttribute[] = [
  { key: "device", part: "device", isPlace: true, type: "string", expected: "a string" },
  { key: "boot", ...PLACE, type: "int", least: 1, most: Number.MAX_SAFE_INTEGER, expected: "an integer from 1" },
  { key: "bootId", ...PLACE, type: "string", pattern: /^[0-9a-f]{14}$/, expected: "14 hex digits" },
  { key: "reader", ...PLACE, type: "int", least: 0, most: 2 ** 32 - 1, expected: "an integer from 0 to 4294967295" },
  {
    key: "time",
    ...TIME,
    type: "string",
    pattern: TIME_FORM,
    expected: 'a time of day such as "2026-11-28T03:54:15.123Z"',
  },
  {
    key: "timeUncertaintyMs",
    ...TIME,
    type: "int",
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    expected: "an integer from 0",
  },
];

/** The attributes that follow the events of a registry. */
export function contextAttributes({ attributes }: RegistryModel): readonly ContextAttribute[] {
  return ATTRIBUTES.filter(({ key }) => !attributes.some((own) => own.key === key));
}

/**
 * Returns the parts that events of a registry can have. Throws TelemetryError E_USAGE (exit code 2) if a requested part
 * is not possible.
 */
export function contextParts(choice: ContextChoice, registry: RegistryModel): ReadonlySet<ContextPart> {
  if (choice === "none") return new Set();
  const taken = (part: ContextPart) =>
    ATTRIBUTES.find((each) => each.part === part && registry.attributes.some(({ key }) => key === each.key))?.key;
  if (choice === "auto" || choice === "all") return new Set(CONTEXT_PARTS.filter((part) => taken(part) === undefined));
  for (const part of choice) {
    const key = taken(part);
    if (key === undefined) continue;
    const message = `--with ${part}: the registry has its own attribute ${key}; leave ${part} out`;
    throw new TelemetryError("E_USAGE", message, 2);
  }
  return new Set(choice);
}
