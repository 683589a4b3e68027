/** Numbers for people. */

/** `1,214`. */
export function numberText(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 event`, `1,214 events`. */
export function countedText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `317 B`, `12.1 MB`. */
export function bytesText(bytes: number): string {
  for (const [unit, name] of [
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "KB"],
  ] as const)
    if (bytes >= unit) return `${(bytes / unit).toFixed(1)} ${name}`;
  return `${bytes} B`;
}

/** `7 ms`, `1.24 s`, `4 min 12 s`, `2 h 46 min`, `49 d 17 h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const two = (large: number, largeName: string, small: number, smallName: string) =>
    `${large} ${largeName}${small === 0 ? "" : ` ${small} ${smallName}`}`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  if (seconds < 86_400) return two(Math.floor(seconds / 3600), "h", Math.floor(seconds / 60) % 60, "min");
  return two(Math.floor(seconds / 86_400), "d", Math.floor(seconds / 3600) % 24, "h");
}
