/** The record that a boot may begin with: why the board was reset, and what became of the rings of earlier boots. */
import {
  BOOT_RESET_SHIFT,
  BOOT_RING_SHIFT,
  RECORD_BOOT,
  RING_DAMAGED,
  RING_KEPT,
  RING_NO_MEMORY,
  RING_NOT_ASKED,
  RING_OTHER_LAYOUT,
  RING_POWER_OFF,
} from "../../src/ring/packet-layout.ts";

/** By code; codes are only added. */
export const RESET_REASONS: readonly string[] = [
  "unknown",
  "power on",
  "external pin",
  "software",
  "panic",
  "interrupt watchdog",
  "task watchdog",
  "watchdog",
  "deep sleep",
  "brownout",
  "SDIO",
  "USB",
  "JTAG",
  "eFuse error",
  "power glitch",
  "CPU lock-up",
];

const FATES: Readonly<Record<number, string>> = {
  [RING_KEPT]: "kept",
  [RING_POWER_OFF]: "power was off",
  [RING_OTHER_LAYOUT]: "other firmware layout",
  [RING_DAMAGED]: "damaged",
  [RING_NOT_ASKED]: "not asked for",
  [RING_NO_MEMORY]: "no memory that outlives a reset",
};
/** By code; codes are only added. */
export const RING_FATES: readonly string[] = Object.values(FATES);

export interface BootRecord {
  /** One of RESET_REASONS, or `reason n`. */
  readonly reset: string;
  /** What became of the rings of earlier boots: one of RING_FATES, or `fate n`. */
  readonly ring: string;
  /** Events of earlier boots in the ring: all that had been recorded and not drained. */
  readonly keptEvents: number;
  /** Events of still earlier boots that were given up for them: only a limited number of boots is kept. */
  readonly givenUpEvents: number;
  /** Milliseconds since boot. */
  readonly timeMs: number;
}

/** Reads a record of type RECORD_BOOT. `timeHigh`: the upper half of its packet's time, in ms. */
export function readBootRecord(view: DataView, at: number, timeHigh: number): BootRecord {
  const word = view.getUint32(at + 4, true);
  const reset = (word >>> BOOT_RESET_SHIFT) & 0xff;
  const ring = (word >>> BOOT_RING_SHIFT) & 0xff;
  return {
    reset: RESET_REASONS[reset] ?? `reason ${reset}`,
    ring: RING_FATES[ring] ?? `fate ${ring}`,
    keptEvents: view.getUint32(at + 8, true),
    givenUpEvents: view.getUint32(at + 12, true),
    timeMs: timeHigh + view.getUint32(at, true),
  };
}

/** Returns what is wrong with a record of type RECORD_BOOT; undefined if nothing is. */
export function bootRecordFault(view: DataView, at: number, first: boolean): string | undefined {
  const word = view.getUint32(at + 4, true);
  const ring = (word >>> BOOT_RING_SHIFT) & 0xff;
  const counts = view.getUint32(at + 8, true) !== 0 || view.getUint32(at + 12, true) !== 0;
  if ((word & 0xff) !== RECORD_BOOT || word >>> 24 !== 0) return "_boot has unused bits that are not 0";
  if (ring !== RING_KEPT && ring < RING_FATES.length && counts)
    return "_boot counts events of a ring that was not kept";
  return first ? undefined : "_boot is not the packet's first record";
}

/** `panic; ring of earlier boots: kept 12 events`. */
export function bootText({ reset, ring, keptEvents, givenUpEvents }: BootRecord): string {
  const events = (count: number) => `${count} ${count === 1 ? "event" : "events"}`;
  const kept = ring === RING_FATES[RING_KEPT] ? `${ring} ${events(keptEvents)}` : ring;
  const givenUp = givenUpEvents > 0 ? `, gave up ${events(givenUpEvents)} of earlier boots` : "";
  return `${reset}; ring of earlier boots: ${kept}${givenUp}`;
}
