/** What keys do. In fields they type. */
import type { View } from "./view.ts";

const STEP = 0.15;

export function onKeys(view: View): void {
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || view.help.open) return;
    if (target === view.search) {
      if (key === "Enter") {
        view.find(event.shiftKey ? -1 : 1);
        event.preventDefault();
      } else if (key === "Escape") view.lanes.canvas.focus();
      return;
    }
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement) return;
    const isOnButton = target instanceof HTMLButtonElement;
    const isInTable = target instanceof Element && target.closest(".table") !== null;
    const action = actionOf(view, event);
    // Buttons use Enter, and scrolling parts the arrows.
    if (action === undefined || (isOnButton && key === "Enter") || (isInTable && key.startsWith("Arrow"))) return;
    action();
    event.preventDefault();
  });
}

function actionOf(view: View, { key, shiftKey, target }: KeyboardEvent): (() => void) | undefined {
  const by = shiftKey ? -1 : 1;
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case "w":
    case "+":
    case "=":
      return () => view.zoom(1 / 1.5);
    case "s":
    case "-":
    case "−":
      return () => view.zoom(1.5);
    case "a":
    case "ArrowLeft":
      return () => view.pan(-STEP);
    case "d":
    case "ArrowRight":
      return () => view.pan(STEP);
    case "ArrowUp":
      return () => view.chooseRow(-1);
    case "ArrowDown":
      return () => view.chooseRow(1);
    case "Enter":
      return target === view.lanes.canvas ? () => view.toggleRow() : undefined;
    case "n":
      return () => view.step(1);
    case "p":
      return () => view.step(-1);
    case "g":
      return () => view.nextGap(by);
    case "r":
      return () => view.nextRejected(by);
    case "f":
      return () => view.focus();
    case "0":
    case "Home":
      return () => view.seeWhole();
    case "m":
      return () => view.mark();
    case "t":
      return () => view.switchAxis();
    case "/":
      return () => view.search.select();
    case "Escape":
      return () => view.go(undefined);
    case "?":
      return () => view.help.showModal();
    default:
      return undefined;
  }
}
