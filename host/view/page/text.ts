/** Times and numbers for people. */
import type { PageGap } from "../format.ts";

const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
const three = (value: number) => String(Math.floor(value)).padStart(3, "0");

export function numberText(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 6 });
}

export function countedText(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `+1d 02:03:04.567` */
export function sinceBootText(ms: number, hasMs = true): string {
  const all = Math.abs(ms);
  const days = Math.floor(all / 86_400_000);
  const clock = `${two((all / 3_600_000) % 24)}:${two((all / 60_000) % 60)}:${two((all / 1000) % 60)}`;
  return `${ms < 0 ? "−" : "+"}${days > 0 ? `${days}d ` : ""}${clock}${hasMs ? `.${three(all % 1000)}` : ""}`;
}

/** In the local time zone. */
export function clockText(unixMs: number, hasMs = true): string {
  const date = new Date(unixMs);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return hasMs ? `${clock}.${three(date.getMilliseconds())}` : clock;
}

export function dayText(unixMs: number): string {
  const date = new Date(unixMs);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** `7 ms`, `1.24 s`, `4 min 12 s`, `2 h 46 min`, `49 d 17 h` */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1000) % 60} s`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h ${Math.floor(ms / 60_000) % 60} min`;
  return `${Math.floor(ms / 86_400_000)} d ${Math.floor(ms / 3_600_000) % 24} h`;
}

export function missing({ onDevice, inTransit, beforeFirst, unexplained }: PageGap): number {
  return onDevice + inTransit + beforeFirst + unexplained;
}

/** `37 events missing: 30 lost on the device, 7 lost on the way` */
export function gapText(gap: PageGap): string {
  const causes = [
    [gap.onDevice, "lost on the device, overwritten or refused"],
    [gap.inTransit, "lost on the way, or in damaged packets"],
    [gap.beforeFirst, "sent before the first packet here"],
    [gap.unexplained, "for an unknown reason, or left out on purpose"],
  ] as const;
  const told = causes.filter(([count]) => count > 0).map(([count, cause]) => `${numberText(count)} ${cause}`);
  return `${countedText(missing(gap), "event")} missing: ${told.join("; ")}`;
}
