/** What stats reports of a recording. */
import type { Gap } from "../decode/types.ts";
import type { BootRecord } from "../packet/boot-record.ts";
import type { Spread } from "./histogram.ts";
import type { ConnectionSums } from "./stats-boots.ts";

export interface Losses extends Gap {
  /** For JSON lines, which do not say where. */
  readonly missing: number;
}

export interface BootRow {
  readonly device: string | null;
  readonly boot: number | null;
  readonly bootId: string | null;
  /** For its first and last event: time of day in RFC 3339, null if unknown; milliseconds since boot. */
  readonly from: string | null;
  readonly to: string | null;
  readonly fromMs: number;
  readonly toMs: number;
  readonly events: number;
  readonly lost: Losses;
  /** For a recording of packets. */
  readonly packets: number;
  readonly bytes: number;
  /** The fullest that the ring was when a packet was read, 0 to 1; null if no packet states it. */
  readonly ringFill: number | null;
  /** Why the board was reset, and what became of the ring; null if the recording does not state it. */
  readonly reset: BootRecord | null;
}

export interface TypeRow {
  readonly type: string;
  readonly received: number;
  readonly sent: number;
  /** Of payloads as they were recorded. */
  readonly bytes: number;
  readonly answerMs: Spread;
  readonly unanswered: number;
  readonly unknown: number;
}

export interface Statistics {
  readonly devices: number;
  readonly boots: readonly BootRow[];
  /** Boots that are not in the list. */
  readonly unlistedBoots: number;
  readonly schemaVersions: readonly VersionRow[];
  readonly events: Readonly<Record<string, number>>;
  /** Events per second, over the time from each boot's first event to its last. */
  readonly perSecond: number;
  readonly lost: Losses;
  readonly connections: Omit<ConnectionSums, "durations"> & { readonly durationMs: Spread };
  readonly rejections: {
    readonly total: number;
    readonly byReason: Readonly<Record<string, number>>;
    readonly byClient: readonly ClientRow[];
  };
  readonly messageTypes: readonly TypeRow[];
  readonly busiest: {
    readonly clients: readonly ClientRow[];
    readonly seconds: readonly SecondRow[];
  };
  /** By attribute. Enums and booleans: how often each value occurred; numbers: their figures. */
  readonly attributes: Readonly<Record<string, Readonly<Record<string, number>> | Spread>>;
  /** Events of readers that repeat those of another reader of the boot: not counted. */
  readonly repeatedByReaders: number;
  /** There were too many clients: some with few events may have been left out. */
  readonly isRough: boolean;
}

export interface VersionRow {
  readonly schemaVersion: string;
  readonly fingerprint: string;
  readonly events: number;
}

export interface ClientRow {
  readonly device: string | null;
  readonly client: number | string;
  readonly count: number;
}

export interface SecondRow {
  readonly device: string | null;
  readonly boot: number | null;
  /** Since boot. */
  readonly second: number;
  readonly time: string | null;
  readonly events: number;
}
