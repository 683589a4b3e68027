import { h } from "./dom.ts";

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ["W, +", "zoom in"],
  ["S, −", "zoom out"],
  ["A, D, ← →", "earlier, later"],
  ["↑ ↓", "the lane above, below"],
  ["Enter", "open or close the lane; in the search: next match"],
  ["Shift+Enter", "previous match"],
  ["n, p", "next, previous event of the connection, or of the lane"],
  ["g, Shift+G", "next, previous gap"],
  ["r, Shift+R", "next, previous rejection"],
  ["f", "zoom to the selection"],
  ["0", "everything"],
  ["m", "set or remove a mark at this time"],
  ["t", "time of day, or since boot"],
  ["/", "search in types and payloads"],
  ["Esc", "clear the selection"],
  ["?", "this help"],
  ["Ctrl+wheel, wheel, Shift+wheel", "zoom, scroll, earlier and later"],
  ["drag", "lanes: move; rates: zoom to a range; overview: move the range or its ends"],
];
const SHAPES: readonly (readonly [name: string, text: string])[] = [
  ["event", "events: darker where there are more; pale: the connection is open"],
  ["begin", "a flag at the top: a connection begins"],
  ["end", "a foot at the bottom: it ends"],
  ["rejected", "a block with a hole: a message was rejected"],
  ["lost", "stripes: events are missing; to the right, lost on the device, to the left, elsewhere"],
  ["found", "at the top edge: a match of the search"],
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
