/** Search and movement as buttons. */
import { h } from "./dom.ts";

/** What they do. */
export interface Moves {
  readonly search: HTMLInputElement;
  readonly help: HTMLDialogElement;
  find(by: 1 | -1): void;
  zoom(factor: number): void;
  seeWhole(): void;
  nextGap(by: 1 | -1): void;
  nextRejected(by: 1 | -1): void;
  switchScheme(): void;
}

export function toolbar(moves: Moves, axisButton: HTMLButtonElement): HTMLElement {
  const button = (text: string, label: string, click: () => void) =>
    h("button", { type: "button", title: label, ...(text.length < 2 && { "aria-label": label }), click }, text);
  return h(
    "div",
    { class: "toolbar", role: "group", "aria-label": "Search and movement" },
    h("span", { role: "search", class: "search" }, moves.search),
    button("◂", "Previous match (Shift+Enter)", () => moves.find(-1)),
    button("▸", "Next match (Enter)", () => moves.find(1)),
    button("−", "Zoom out (S)", () => moves.zoom(1.5)),
    button("+", "Zoom in (W)", () => moves.zoom(1 / 1.5)),
    button("Whole", "Everything (0)", () => moves.seeWhole()),
    button("Gap", "Next gap (g)", () => moves.nextGap(1)),
    button("Rejected", "Next rejection (r)", () => moves.nextRejected(1)),
    axisButton,
    button("Light/dark", "Light or dark", () => moves.switchScheme()),
    button("?", "Keys and shapes (?)", () => moves.help.showModal()),
  );
}
