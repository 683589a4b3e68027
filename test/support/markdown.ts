/** Code blocks of a Markdown document. */
import { readFileSync } from "node:fs";

export interface CodeBlock {
  /** `README.md:88`, the block's first line: what a failure names. */
  readonly place: string;
  /** Of the fence: "ts", "sh"; "" if it says none. */
  readonly language: string;
  readonly text: string;
  /** The content of a comment `<!-- check: … -->` before the block; "" without one. */
  readonly check: string;
}

const FENCE = /^( *)```(\w*)[^\n]*\n(.*?)^ *```$/gms;
const CHECK = /<!-- check: ([^>]+?) -->\s*$/;

/** In order. */
export function codeBlocks(file: string): CodeBlock[] {
  const document = readFileSync(file, "utf8");
  return [...document.matchAll(FENCE)].map(({ 1: indent, 2: language, 3: text, index }) => ({
    place: `${file}:${document.slice(0, index).split("\n").length + 1}`,
    language: language!,
    text: indent === "" ? text! : text!.replaceAll(`\n${indent}`, "\n").slice(indent!.length),
    check: CHECK.exec(document.slice(Math.max(0, index - 200), index))?.[1] ?? "",
  }));
}

/** Targets of a document's links and pictures, ignoring code. */
export function linksOf(file: string): string[] {
  const prose = readFileSync(file, "utf8")
    .replaceAll(FENCE, "")
    .replaceAll(/`[^`\n]+`/g, "code");
  return [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
    ([, link, attribute]) => (link ?? attribute)!,
  );
}

/** Valid targets of links within a document: its headings, by GitHub's anchors, and elements with an id. */
export function anchorsOf(file: string): string[] {
  const prose = readFileSync(file, "utf8").replaceAll(FENCE, "");
  const seen = new Map<string, number>();
  const headings = [...prose.matchAll(/^#+ (.+)$/gm)].map(([, text]) => {
    const anchor = text!
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-");
    const count = seen.get(anchor) ?? 0;
    seen.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
  return [...headings, ...[...prose.matchAll(/\bid="([^"]+)"/g)].map(([, id]) => id!)];
}
