/** What all exports have in common. */
import type { Problem } from "../text/errors.ts";
import type { ExportItem } from "./source.ts";

/** An item that says something of a boot. */
export type BootItem = Extract<ExportItem, { readonly boot: unknown }>;

export interface Exporter {
  /** What is to be told at the end. */
  readonly problems?: readonly Problem[];
  /** Events that it was given and did not write, because an earlier export has. */
  readonly repeated?: number;
  /** Takes items in the order of the recording. Fails with TelemetryError: E_WRITE (exit code 2), and as each export says. */
  add(items: readonly BootItem[]): Promise<void>;
  /** All is there: files get their names, which are returned. Fails as add(). */
  finish(): Promise<readonly string[]>;
  /** Leaves nothing half-written. */
  abandon(): Promise<void>;
}
