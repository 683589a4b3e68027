/** What mouse, pen and finger do. */
import type { View } from "./view.ts";

/** Less movement is a click. */
const LEAST_DRAG = 4;
const END_UNITS = 8;

export function onPointers(view: View): void {
  const { lanes, rates, whole } = view;
  lanes.canvas.addEventListener(
    "wheel",
    (event) => {
      if (event.ctrlKey || event.metaKey) view.zoom(Math.exp(event.deltaY / 300), timeAt(view, event.offsetX));
      else if (event.shiftKey || event.deltaX !== 0) view.pan((event.deltaX || event.deltaY) / 1000);
      else return;
      event.preventDefault();
    },
    { passive: false },
  );
  drag(lanes.canvas, (down) => {
    const { range, scroller } = view;
    const top = scroller.scrollTop;
    const perUnit = (range.to - range.from) / (lanes.width - view.gutter);
    return {
      move(x, y) {
        const by = (down.offsetX - x) * perUnit;
        view.see({ from: range.from + by, to: range.to + by });
        scroller.scrollTop = top + down.offsetY - y;
      },
      click: () => view.clickLanes(down.offsetX, down.offsetY),
    };
  });
  drag(rates.canvas, (down) => {
    const from = timeAt(view, down.offsetX);
    let to = from;
    const { range } = view;
    const perUnit = (range.to - range.from) / (rates.width - view.gutter);
    return {
      move: (x) => (to = from + (x - down.offsetX) * perUnit),
      end: () => view.see({ from: Math.min(from, to), to: Math.max(from, to) }),
    };
  });
  drag(whole.canvas, (down) => {
    const { range, model } = view;
    const perUnit = (model.toX - model.fromX) / whole.width;
    const unit = (time: number) => (time - model.fromX) / perUnit;
    const at = model.fromX + down.offsetX * perUnit;
    const isAt = (time: number) => Math.abs(unit(time) - down.offsetX) <= END_UNITS;
    const end = isAt(range.from) ? "from" : isAt(range.to) ? "to" : undefined;
    const isInside = at >= range.from && at <= range.to;
    return {
      move(x) {
        const by = (x - down.offsetX) * perUnit;
        if (end === "from") view.see({ from: Math.min(range.from + by, range.to - 5), to: range.to });
        else if (end === "to") view.see({ from: range.from, to: Math.max(range.to + by, range.from + 5) });
        else if (isInside) view.see({ from: range.from + by, to: range.to + by });
        else view.see({ from: Math.min(at, at + by), to: Math.max(at, at + by) });
      },
      click() {
        const half = (range.to - range.from) / 2;
        view.see({ from: at - half, to: at + half });
      },
    };
  });
}

function timeAt({ range, gutter, lanes }: View, x: number): number {
  return range.from + ((x - gutter) / (lanes.width - gutter)) * (range.to - range.from);
}

interface Drag {
  move(x: number, y: number): void;
  click?(): void;
  end?(): void;
}

function drag(canvas: HTMLCanvasElement, begin: (down: PointerEvent) => Drag): void {
  canvas.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    const own = begin(down);
    let isDrag = false;
    canvas.setPointerCapture(down.pointerId);
    const move = (event: PointerEvent) => {
      isDrag ||= Math.hypot(event.offsetX - down.offsetX, event.offsetY - down.offsetY) >= LEAST_DRAG;
      if (isDrag) own.move(event.offsetX, event.offsetY);
    };
    const up = (event: PointerEvent) => {
      canvas.removeEventListener("pointermove", move);
      canvas.removeEventListener("pointerup", up);
      canvas.removeEventListener("pointercancel", up);
      if (event.type === "pointercancel") return;
      if (isDrag) own.end?.();
      else own.click?.();
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
  });
}
