/** The colours of the style sheet, as canvases and pixels need them. */
import { mixed, pixelOf } from "./pixels.ts";

const NAMES = [
  "back",
  "band",
  "text",
  "faint",
  "line",
  "event",
  "begin",
  "end",
  "rejected",
  "found",
  "lost",
  "mark",
  "select",
] as const;
type Name = (typeof NAMES)[number];

export interface Colors {
  readonly css: Readonly<Record<Name, string>>;
  readonly pixel: Readonly<Record<Name, number>>;
  /** From few events in a pixel to many. */
  readonly density: readonly number[];
  readonly span: number;
}

export function readColors(): Colors {
  const style = getComputedStyle(document.documentElement);
  const css = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Record<
    Name,
    string
  >;
  const pixel = Object.fromEntries(NAMES.map((name) => [name, pixelOf(css[name])])) as Record<Name, number>;
  const density = [0.55, 0.65, 0.75, 0.85, 0.93, 1].map((part) => mixed(pixel.back, pixel.event, part));
  return { css, pixel, density, span: mixed(pixel.back, pixel.event, 0.22) };
}

/** From light to dark, or back, whatever the system prefers. */
export function switchScheme(): void {
  const { dataset } = document.documentElement;
  const isDark =
    dataset.scheme === undefined ? matchMedia("(prefers-color-scheme: dark)").matches : dataset.scheme === "dark";
  dataset.scheme = isDark ? "light" : "dark";
}
