/** YAML with limits: text that is too long, too deep or expands itself is refused before anything is built from it. */
import { Composer, CST, type Document, isMap, isScalar, isSeq, Lexer, LineCounter, type Node, Parser } from "yaml";
import { type MistakeCode, type MistakeList, MOST_MISTAKES, type Place, shown } from "./mistakes.ts";

export const MAX_REGISTRY_BYTES = 1024 * 1024;
/**
 * Most words, signs, spaces and line ends; a registry has one in three characters. 240 record types need fewer; each
 * costs memory of many times its length.
 */
const MOST_TOKENS = 300_000;
/** Most lists and mappings within each other. A registry has 8. */
const MOST_DEPTH = 32;

const TOO_MANY = new Error("more mistakes than are kept");

/** The library's Composer calls it for each mistake; it is private, and nothing else limits them. */
interface Complaining {
  onError(
    source: number | readonly [number, ...number[]] | { readonly offset: number },
    code: string,
    message: string,
  ): void;
}

export class YamlSource {
  readonly file: string;
  readonly mistakes: MistakeList;
  readonly #lines = new LineCounter();

  constructor(file: string, mistakes: MistakeList) {
    this.file = file;
    this.mistakes = mistakes;
  }

  placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  fail(offset: number, code: MistakeCode, message: string, fix: string): void {
    this.mistakes.add({ file: this.file, ...this.placeAt(offset), code, message, fix });
  }

  #invalid(offset: number, message: string): void {
    this.fail(offset, "E_YAML", `not valid YAML: ${message}`, "fix it here, or in the previous line");
  }

  /**
   * Returns the document's value, or undefined after adding a mistake. Mappings have string keys, each once; no
   * aliases.
   */
  read(text: string): Node | undefined {
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_REGISTRY_BYTES) {
      this.fail(
        0,
        "E_YAML",
        `the file has ${bytes} bytes, at most ${MAX_REGISTRY_BYTES} are allowed`,
        "split the registry",
      );
      return undefined;
    }
    const before = this.mistakes.count;
    const tokens = this.#tokens(text.startsWith("\ufeff") ? text.slice(1) : text);
    if (!tokens) return undefined;
    // The check of keys below takes one pass; the library's own compares each key with each other.
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, version: "1.2" });
    const document = this.#composed(composer, tokens, text.length);
    if (!document) return undefined;
    // The few that the library does not report.
    for (const { pos, message } of document.errors) this.#invalid(pos[0], message);
    const root = document.contents as Node | null;
    if (root) this.#checkKeys(root);
    if (this.mistakes.count > before) return undefined;
    if (!root || (isScalar(root) && root.value === null)) {
      this.fail(0, "E_YAML", "the document is empty", "`xs-telemetry registry new` writes one to begin from");
      return undefined;
    }
    return root as Node;
  }

  /** Undefined once there are as many mistakes as are kept: the rest is not read. */
  #composed(composer: Composer, tokens: CST.Token[], length: number): Document.Parsed | undefined {
    let left = MOST_MISTAKES;
    // The library's own function makes an Error with a stack for each mistake, and a text may have one per byte.
    (composer as unknown as Complaining).onError = (source, _, message) => {
      // The library catches what is thrown here, and reports it as a mistake at every level.
      if (left === 0) throw TOO_MANY;
      const offset = typeof source === "number" ? source : "offset" in source ? source.offset : source[0];
      if (--left === 0) {
        this.fail(offset, "E_YAML", "no further mistakes of syntax are listed", "fix those above first");
        throw TOO_MANY;
      }
      this.#invalid(offset, message);
    };
    try {
      const [document] = composer.compose(tokens, true, length);
      return document!;
    } catch (error) {
      if (error !== TOO_MANY) throw error;
      return undefined;
    }
  }

  /** The syntax, restricted to the kinds that a registry may have. */
  #tokens(text: string): CST.Token[] | undefined {
    // Reported here, because the parser misses line ends in some invalid quoted scalars.
    this.#lines.addNewLine(0);
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) this.#lines.addNewLine(end + 1);
    const parser = new Parser();
    const tokens: CST.Token[] = [];
    let count = 0;
    let isScalarNext = false;
    const refuse = (what: string, fix: string): undefined => void this.fail(parser.offset, "E_YAML", what, fix);
    let documents = 0;
    for (const lexeme of new Lexer().lex(text)) {
      const type = isScalarNext ? "scalar" : CST.tokenType(lexeme);
      isScalarNext = lexeme === CST.SCALAR;
      if (type === "anchor" || type === "alias") {
        return refuse(`${shown(lexeme)} is an ${type}`, "write the value out at each place");
      }
      if (type === "tag") return refuse(`${shown(lexeme)} is a tag`, "leave it out: types follow from the key");
      if (type === "directive-line") return refuse(`${shown(lexeme)} is a directive`, "leave it out");
      if (++count > MOST_TOKENS) return refuse(`more than ${MOST_TOKENS} tokens`, "split the registry");
      for (const token of parser.next(lexeme)) {
        tokens.push(token);
        if (token.type === "document") documents++;
        if (token.type === "error") {
          this.#invalid(token.offset, token.message);
          return undefined;
        }
      }
      if (documents > 1) break;
      if (parser.stack.length > MOST_DEPTH) {
        return refuse(`more than ${MOST_DEPTH} nested lists and mappings`, "close those that are done");
      }
    }
    tokens.push(...parser.end());
    const [, second] = tokens.filter((token) => token.type === "document");
    if (second) {
      this.fail(second.offset, "E_YAML", "a second document begins", "a file is one registry: move it to its own file");
      return undefined;
    }
    return tokens;
  }

  #checkKeys(node: Node): void {
    if (isSeq(node)) {
      for (const item of node.items) this.#checkKeys(item as Node);
    } else if (isMap(node)) {
      const seen = new Set<string>();
      for (const { key, value } of node.items) {
        const name = isScalar(key) ? key.value : key;
        const at = (key as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
        if (typeof name !== "string") {
          const what = isScalar(key) ? shown(name) : "a list or mapping";
          this.fail(at, "E_KEY", `${what} is a key, keys are text`, "put it in quotes");
        } else if (seen.has(name)) {
          this.fail(at, "E_KEY", `the key ${shown(name)} occurs twice`, "leave one of them out");
        } else seen.add(name);
        if (value) this.#checkKeys(value as Node);
      }
    }
  }
}
