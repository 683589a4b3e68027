/** Places the fields of a draft that have no place yet, and writes them into the registry's text. */
import { isMap, isScalar, isSeq, type Node, type YAMLMap } from "yaml";
import { FIRST_FIELD_BIT } from "../../src/ring/packet-layout.ts";
import { FIELD_BITS, MOST_RECORD_BITS, SLOT_BITS } from "./fields.ts";
import { MistakeList, mistakesError } from "./mistakes.ts";
import { YamlSource } from "./yaml-source.ts";

/** A field that was placed. */
export interface Placed {
  readonly key: string;
  readonly type: string;
  readonly offsetBits: number;
  readonly widthBits: number;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** An attribute with a field of bits. */
interface Draft {
  readonly key: string;
  readonly type: string;
  readonly wire: YAMLMap;
  readonly widthBits: number;
  /** An enum without a width in the text. */
  readonly needsWidth: boolean;
  /** Always present in some event: it is placed before those that only longer records have. */
  isRequired: boolean;
  range: Range | undefined;
}

const WORD_BITS = 32;
/** A registry has at most 240 record types. */
const MOST_EVENTS = 240;
const MOST_FIELDS = 2000;
/** An enum gets room for at least as many codes again: its width cannot grow in a later version. */
const ENUM_WIDTHS = [2, 4, 8];

/**
 * Puts each field of bits without `offset_bits` at the first place that is free in every event with it, the wide ones
 * first; an enum without `width_bits` gets those, too. The rest of the text stays, including comments; texts need no
 * place. Throws TelemetryError E_REGISTRY_FILE, exit code 1, for text that is not YAML, or a record that is full.
 */
export function layOutDraft(text: string, file: string): { text: string; placed: Placed[] } {
  const mistakes = new MistakeList();
  const source = new YamlSource(file, mistakes);
  const root = source.read(text);
  const drafts = root === undefined ? [] : draftsIn(root);
  const isTooLarge =
    root !== undefined && (drafts.length > MOST_FIELDS || itemsOf(root, "events").length > MOST_EVENTS);
  if (isTooLarge)
    source.fail(0, "E_LAYOUT", `more than ${MOST_FIELDS} fields or ${MOST_EVENTS} events`, "split the registry");
  const groups = root === undefined || isTooLarge ? [] : eventsIn(root, drafts);
  const unplaced = drafts.filter(({ range, needsWidth }) => range === undefined || needsWidth);
  const order = [...unplaced].sort(
    (a, b) => Number(b.isRequired) - Number(a.isRequired) || b.widthBits - a.widthBits || 0,
  );
  for (const draft of order) {
    if (draft.range !== undefined) continue;
    const others = groups.filter((group) => group.has(draft.key)).flatMap((group) => rangesOf(group, drafts));
    const offsetBits = firstPlace(draft, others);
    if (offsetBits === undefined) {
      const at = draft.wire.range?.[0] ?? 0;
      source.fail(at, "E_LAYOUT", `${draft.key}: no room for ${draft.widthBits} bits is left`, "split the event");
    } else draft.range = { from: offsetBits, to: offsetBits + draft.widthBits };
  }
  if (mistakes.count > 0) throw mistakesError(mistakes.kept, mistakes.count);
  const placed = unplaced.map(({ key, type, range, widthBits }) => ({
    key,
    type,
    offsetBits: range!.from,
    widthBits,
  }));
  return { text: written(text, unplaced), placed };
}

function draftsIn(root: Node): Draft[] {
  return itemsOf(root, "attributes").flatMap((attribute) => {
    const wire = childOf(childOf(attribute, "annotations"), "wire");
    const [key, type] = [textOf(attribute, "key"), textOf(wire, "type")];
    if (key === undefined || type === undefined || !isMap(wire)) return [];
    const width = numberOf(wire, "width_bits");
    const widthBits = type === "enum" ? (width ?? enumWidth(attribute)) : FIELD_BITS[type];
    if (!widthBits) return [];
    const from = numberOf(wire, "offset_bits");
    return [
      {
        key,
        type,
        wire: wire as YAMLMap,
        widthBits,
        needsWidth: type === "enum" && width === undefined,
        isRequired: false,
        range: from === undefined ? undefined : { from, to: from + widthBits },
      },
    ];
  });
}

/** For each event the keys of its fields; those shared by `same_as` under their own keys. */
function eventsIn(root: Node, drafts: readonly Draft[]): Set<string>[] {
  const shared = new Map<string, string>();
  for (const attribute of itemsOf(root, "attributes")) {
    const [key, of] = [textOf(attribute, "key"), textOf(childOf(childOf(attribute, "annotations"), "wire"), "same_as")];
    if (key !== undefined && of !== undefined) shared.set(key, of);
  }
  const byKey = new Map(drafts.map((draft) => [draft.key, draft]));
  return itemsOf(root, "events").map((event) => {
    const keys = new Set<string>();
    for (const ref of itemsOf(event, "attributes")) {
      const named = textOf(ref, "ref");
      if (named === undefined) continue;
      const key = shared.get(named) ?? named;
      keys.add(key);
      const draft = byKey.get(key);
      if (draft !== undefined && textOf(ref, "requirement_level") === "required") draft.isRequired = true;
    }
    return keys;
  });
}

function rangesOf(keys: ReadonlySet<string>, drafts: readonly Draft[]): Range[] {
  return drafts.flatMap(({ key, range }) => (range !== undefined && keys.has(key) ? [range] : []));
}

/** The first bit where it fits, aligned as its type requires; undefined if even the longest record has none. */
function firstPlace({ type, widthBits }: Draft, others: readonly Range[]): number | undefined {
  const step = type === "enum" ? 1 : widthBits;
  for (let from = Math.ceil(FIRST_FIELD_BIT / step) * step; from + widthBits <= MOST_RECORD_BITS; from += step) {
    const crosses = widthBits <= WORD_BITS && (from % WORD_BITS) + widthBits > WORD_BITS;
    if (!crosses && others.every((other) => other.to <= from || other.from >= from + widthBits)) return from;
  }
  return undefined;
}

function enumWidth(attribute: Node): number {
  const codes = itemsOf(childOf(attribute, "type"), "members").map(
    (member) => numberOf(childOf(childOf(member, "annotations"), "wire"), "code") ?? 0,
  );
  const needed = Math.max(1, Math.ceil(Math.log2(Math.max(0, ...codes) + 1)));
  return ENUM_WIDTHS.find((width) => width > needed) ?? SLOT_BITS / 16;
}

/** The text with the placed values after each `type`, in the style of the mapping: in braces, or one per line. */
function written(text: string, drafts: readonly Draft[]): string {
  const shift = text.startsWith("\ufeff") ? 1 : 0;
  const insertions: [at: number, what: string][] = [];
  for (const { wire, range, widthBits, needsWidth } of drafts) {
    const said: string[] = [];
    if (numberOf(wire, "offset_bits") === undefined) said.push(`offset_bits: ${range!.from}`);
    if (needsWidth) said.push(`width_bits: ${widthBits}`);
    const pair = wire.items.find(({ key }) => isScalar(key) && key.value === "type")!;
    const [keyFrom] = (pair.key as Node).range!;
    const [, valueTo] = (pair.value as Node).range!;
    if (wire.flow) {
      insertions.push([shift + valueTo, said.map((each) => `, ${each}`).join("")]);
      continue;
    }
    const indent = " ".repeat(shift + keyFrom - (text.lastIndexOf("\n", shift + keyFrom - 1) + 1));
    const lineEnd = text.indexOf("\n", shift + valueTo);
    insertions.push([lineEnd < 0 ? text.length : lineEnd, said.map((each) => `\n${indent}${each}`).join("")]);
  }
  let result = text;
  for (const [at, what] of insertions.sort((a, b) => b[0] - a[0]))
    result = result.slice(0, at) + what + result.slice(at);
  return result;
}

function childOf(node: Node | undefined, key: string): Node | undefined {
  if (!isMap(node)) return undefined;
  return (node.items.find((pair) => isScalar(pair.key) && pair.key.value === key)?.value ?? undefined) as
    | Node
    | undefined;
}

function itemsOf(node: Node | undefined, key: string): Node[] {
  const list = childOf(node, key);
  return isSeq(list) ? (list.items as Node[]) : [];
}

function textOf(node: Node | undefined, key: string): string | undefined {
  const value = childOf(node, key);
  return isScalar(value) && typeof value.value === "string" ? value.value : undefined;
}

function numberOf(node: Node | undefined, key: string): number | undefined {
  const value = childOf(node, key);
  return isScalar(value) && typeof value.value === "number" ? value.value : undefined;
}
