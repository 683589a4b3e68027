import { h } from "./dom.ts";

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["W, +", "zoom in"],
  ["S, −", "zoom out"],
  ["A, D, ← →", "earlier, later"],
  ["↑ ↓", "the lane above, below"],
  ["Enter", "open or close the lane; in the search: the next one found"],
  ["Shift+Enter", "the one found before"],
  ["n, p", "next, previous event of the connection, or of the lane"],
  ["g, Shift+G", "next, previous gap"],
  ["r, Shift+R", "next, previous rejection"],
  ["f", "zoom to what is chosen"],
  ["0", "the whole"],
  ["m", "mark this time, or take the mark away"],
  ["t", "time of day, or since boot"],
  ["/", "search in types and payloads"],
  ["Esc", "choose nothing"],
  ["?", "this help"],
  ["Ctrl+wheel, wheel, Shift+wheel", "zoom, scroll, earlier and later"],
  ["drag", "lanes: move; rates: zoom to a range; the whole: move the range, or its ends"],
];
const SHAPES: readonly (readonly [name: string, text: string])[] = [
  ["event", "event: the darker, the more in one place; pale: the connection lasts"],
  ["begin", "a flag at the top: a connection begins"],
  ["end", "a foot at the bottom: it ends"],
  ["rejected", "a block with a hole: a message was rejected"],
  ["lost", "stripes: events are missing; to the right, lost on the device, to the left, elsewhere"],
  ["found", "at the top edge: found by the search"],
];

export function helpDialog(): HTMLDialogElement {
  const dialog = h("dialog", { "aria-labelledby": "help-title" });
  const keys = h("dl", {}, ...KEYS.flatMap(([key, does]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, does)]));
  const shapes = h(
    "ul",
    {},
    ...SHAPES.map(([name, text]) => h("li", {}, h("span", { class: `swatch ${name}` }), text)),
  );
  const close = h("button", { type: "button", click: () => dialog.close() }, "Close");
  dialog.append(h("h2", { id: "help-title" }, "Keys and shapes"), keys, shapes, close);
  return dialog;
}
