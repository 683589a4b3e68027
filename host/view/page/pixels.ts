/** A picture as pixels, written directly: on a canvas thousands of small rectangles cost more than their pixels. */
export class Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint32Array;
  readonly #image: ImageData;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#image = new ImageData(width, height);
    this.data = new Uint32Array(this.#image.data.buffer);
  }

  rect(x: number, y: number, width: number, height: number, color: number): void {
    const left = Math.max(0, x);
    const right = Math.min(this.width, x + width);
    const bottom = Math.min(this.height, y + height);
    if (left >= right) return;
    const { data } = this;
    // A call costs more than a few pixels do.
    for (let row = Math.max(0, y); row < bottom; row++) {
      const from = row * this.width + left;
      const to = from + right - left;
      if (to - from > 8) data.fill(color, from, to);
      else for (let at = from; at < to; at++) data[at] = color;
    }
  }

  /** Stripes: this many of each `period` pixels along a row; they lean to the right, or to the left. */
  hatch(
    x: number,
    y: number,
    width: number,
    height: number,
    color: number,
    lean: 1 | -1,
    period: number,
    thick: number,
  ): void {
    const left = Math.max(0, x);
    const right = Math.min(this.width, x + width);
    const bottom = Math.min(this.height, y + height);
    for (let row = Math.max(0, y); row < bottom; row++)
      for (let column = left; column < right; column++)
        if ((column + lean * row + 100_000 * period) % period < thick) this.data[row * this.width + column] = color;
  }

  show(context: CanvasRenderingContext2D): void {
    context.putImageData(this.#image, 0, 0);
  }
}

/** `#rrggbb` as a pixel. */
export function pixelOf(color: string): number {
  const value = Number.parseInt(color.trim().slice(1), 16);
  return ((0xff << 24) | ((value & 0xff) << 16) | (value & 0xff00) | (value >>> 16)) >>> 0;
}

/** Mixes two pixels, by the share of the second. */
export function mixed(a: number, b: number, part: number): number {
  let pixel = 0xff000000;
  for (const shift of [0, 8, 16]) {
    const value = Math.round(((a >>> shift) & 255) * (1 - part) + ((b >>> shift) & 255) * part);
    pixel += value * 2 ** shift;
  }
  return pixel >>> 0;
}
