/** The method of one event in a module of writers. */
import type { RecordType } from "../registry/model.ts";
import { camelCase, docComment, type Identifiers } from "./identifiers.ts";
import { type Argument, type Body, carries, slotsBeforeText, textOf, type WriterPlan } from "./writer-plan.ts";

/** What all methods of the module share. */
export interface ModuleNames {
  /** Of the module's scope. */
  readonly scope: Identifiers;
  /** By the key of the field: an enum's type, and the function that knows its codes. */
  readonly enums: ReadonlyMap<string, { readonly type: string; readonly isCode: string }>;
  /** By the key of the field: the private field that takes a text. */
  readonly texts: ReadonlyMap<string, string>;
}

/** Least and greatest value of the integers to which the recorder's `integer()` brings values. */
const RANGES: Readonly<Record<string, readonly [least: number, most: number]>> = {
  u8: [0, 0xff],
  u16: [0, 0xffff],
  u32: [0, 0xffff_ffff],
  i32: [-0x8000_0000, 0x7fff_ffff],
};
const LOCALS = ["recorder", "words", "floats", "doubles", "type"];

/** Returns the lines of the method. */
export function writerMethod(plan: WriterPlan, name: string, module: ModuleNames): string[] {
  const scope = module.scope.within(LOCALS);
  const names = new Map(plan.arguments.map((argument) => [argument, scope.take(camelCase(argument.attribute.key))]));
  const bytes = new Map(plan.texts.map((argument) => [argument, scope.take(`${names.get(argument)}Bytes`)]));
  const nameOf = (argument: Argument) => names.get(argument)!;
  const bytesOf = (argument: Argument) => bytes.get(argument)!;
  const hasChoice = plan.types.length > 1;
  const typeIs = (types: readonly RecordType[]) => types.map(({ id }) => `type === ${id}`).join(" || ");
  const out: string[] = [];
  const line = (depth: number, text: string) => out.push("  ".repeat(depth) + text);

  function typeChoice(): string {
    const choices = plan.types.map((each) => {
      const conditions = plan.arguments
        .filter((argument) => carries(each, argument))
        .flatMap((argument) => {
          if (argument.field.type === "text" && textOf(each)) return `${bytesOf(argument)} > 0`;
          if (!argument.isOptional) return [];
          return argument.field.type === "text" ? `${bytesOf(argument)} === 0` : `${nameOf(argument)} !== undefined`;
        });
      return conditions.length === 0 ? String(each.id) : `${conditions.join(" && ")} ? ${each.id}`;
    });
    return choices.join(" : ");
  }

  function refuseUnless(condition: string, argument: Argument): void {
    const carriers = plan.types.filter((each) => carries(each, argument));
    const isCarried = carriers.length === plan.types.length ? "" : `(${typeIs(carriers)}) && `;
    line(2, `if (${isCarried}${condition}) {`);
    line(3, "recorder.refuse();");
    line(3, "return;");
    line(2, "}");
  }

  /** What an argument adds to its word. */
  function bits({ field, ...argument }: Argument, name: string): string {
    const range = RANGES[field.type];
    const value = range
      ? `recorder.integer(${name}, ${range.join(", ")})`
      : field.type === "bool"
        ? `recorder.flag(${name})`
        : field.type === "token"
          ? `recorder.token(${name})`
          : argument.isOptional
            ? `${name}!`
            : name;
    const shift = field.offsetBits & 31;
    return shift === 0 ? value : `(${value} << ${shift})`;
  }

  function body({ types, arguments: carried, words }: Body, depth: number): void {
    for (let word = 1; word < words; word++) {
      const here = carried.filter(({ field }) => field.offsetBits >> 5 === word);
      const [real] = here.filter(({ field }) => field.type === "f32" || field.type === "f64");
      if (real?.field.type === "f32") {
        line(depth, `recorder.floats[${word}] = recorder.single(${nameOf(real)});`);
      } else if (real) {
        line(depth, `recorder.doubles[${word++ >> 1}] = recorder.double(${nameOf(real)});`);
      } else {
        const parts = here.map((argument) => bits(argument, nameOf(argument)));
        if (word === 1) parts.unshift(types.length === 1 ? String(types[0]!.id) : "type");
        line(depth, `words[${word}] = ${parts.join(" | ") || "0"};`);
      }
    }
    const withText = types.filter((each) => textOf(each));
    const without = types.filter((each) => !textOf(each));
    for (const each of withText) {
      const text = plan.texts.find(({ field }) => field.key === textOf(each)!.key)!;
      line(depth, `if (type === ${each.id}) {`);
      const shorter = plan.shorterFrom.get(each);
      const needed = shorter === undefined ? "" : `, ${bytesOf(text)}, ${shorter}`;
      const field = `this.#${module.texts.get(text.field.key)}`;
      line(depth + 1, `recorder.commit(${slotsBeforeText(each)}, ${field}${needed});`);
      line(depth + 1, "return;");
      line(depth, "}");
    }
    for (const slots of new Set(without.map(slotsBeforeText))) line(depth, `recorder.commit(${slots});`);
  }

  const parameters = plan.arguments.map((argument) => {
    const isText = argument.field.type === "text";
    return `${nameOf(argument)}${argument.isOptional ? "?" : ""}: ${isText ? "Text" : argumentType(argument, module)}`;
  });
  out.push(docComment(documentation(plan, nameOf, module), "  "));
  line(1, `${name}(${parameters.join(", ")}): void {`);
  line(2, "const recorder = this.#recorder;");
  line(2, "if (!recorder.begin()) return;");
  for (const text of plan.texts) {
    const put = `this.#${module.texts.get(text.field.key)}.put(${nameOf(text)})`;
    line(2, `const ${bytesOf(text)} = ${text.isOptional ? `${nameOf(text)} === undefined ? -1 : ` : ""}${put};`);
  }
  if (hasChoice) line(2, `const type: number = ${typeChoice()};`);
  for (const argument of plan.arguments) {
    const isCode = module.enums.get(argument.field.key)?.isCode;
    if (isCode !== undefined) refuseUnless(`!${isCode}(${nameOf(argument)})`, argument);
  }
  for (const { argument, emptyCode, condition, code } of plan.rules) {
    const isEmpty = `(${nameOf(argument)} === ${emptyCode})`;
    if (!condition) {
      refuseUnless(`!${isEmpty}`, argument);
      continue;
    }
    // If the record does not have the condition, it holds: the decoder assumes so.
    const carriers = plan.types.filter((each) => carries(each, condition));
    const isMissing = carriers.length === plan.types.length ? "" : `!(${typeIs(carriers)}) || `;
    refuseUnless(`${isEmpty} !== (${isMissing}${nameOf(condition)} === ${code})`, argument);
  }
  if (plan.isPartial)
    for (const argument of plan.arguments.filter(({ isOptional }) => isOptional)) {
      const carriers = plan.types.filter((each) => carries(each, argument));
      const isThere = bytes.has(argument) ? `${bytesOf(argument)} >= 0` : `${nameOf(argument)} !== undefined`;
      line(2, `if (${isThere} && !(${typeIs(carriers)})) recorder.leaveOut();`);
    }
  line(2, "const words = recorder.words;");
  const bodies = [...plan.bodies];
  const last = bodies.pop()!;
  bodies.forEach((each, index) => {
    line(2, `${index === 0 ? "" : "} else "}if (${typeIs(each.types)}) {`);
    body(each, 3);
  });
  if (bodies.length > 0) line(2, "} else {");
  body(last, bodies.length > 0 ? 3 : 2);
  if (bodies.length > 0) line(2, "}");
  line(1, "}");
  return out;
}

function argumentType({ field }: Argument, { enums }: ModuleNames): string {
  if (field.type === "enum") return enums.get(field.key)!.type;
  return field.type === "bool" ? "boolean" : field.type === "token" ? "Token" : "number";
}

function documentation(plan: WriterPlan, nameOf: (argument: Argument) => string, module: ModuleNames): string[] {
  const lines = [`${plan.event}: ${plan.brief}`];
  for (const argument of plan.arguments) {
    const { attribute, isOptional } = argument;
    lines.push(
      `\`${nameOf(argument)}\`${isOptional ? " (optional)" : ""}: ${attribute.brief} ${allowed(argument, module)}`,
    );
  }
  if (plan.isPartial) {
    const optional = plan.arguments.filter(({ isOptional }) => isOptional);
    const sets = plan.types.map((each) => optional.filter((argument) => carries(each, argument)).map(nameOf));
    const said = new Set(
      sets.filter((set) => set.length > 0).map((set) => set.map((each) => `\`${each}\``).join(" and ")),
    );
    lines.push(`A record carries ${[...said].join(", or ")}; further arguments are left out and counted.`);
  }
  return lines;
}

function allowed({ field, attribute }: Argument, { enums }: ModuleNames): string {
  const range = RANGES[field.type];
  if (range) return `An integer from ${range[0]} to ${range[1]}.`;
  switch (field.type) {
    case "f32":
      return "A finite number, kept as the nearest float32.";
    case "f64":
      return "A finite number.";
    case "bool":
      return "A boolean.";
    case "enum":
      return `One of ${enums.get(field.key)!.type}.`;
    case "token":
      return "A result of token().";
    default:
      return `At most ${attribute.maxBytes ?? field.maxBytes} bytes of UTF-8 are kept, cut at a code point.`;
  }
}
