/** What all exports have in common. */
import type { Problem } from "../text/errors.ts";
import type { ExportItem } from "./source.ts";

/** An item that belongs to a boot. */
export type BootItem = Extract<ExportItem, { readonly boot: unknown }>;

export interface Exporter {
  /** Problems to report at the end. */
  readonly problems?: readonly Problem[];
  /** Events that were given and not written, because an earlier export has written them. */
  readonly repeated?: number;
  /**
   * Takes items in the order of the recording. Fails with TelemetryError: E_WRITE (exit code 2), and others that depend
   * on the export.
   */
  add(items: readonly BootItem[]): Promise<void>;
  /** Ends the export: files get their names, which are returned. Fails as add(). */
  finish(): Promise<readonly string[]>;
  /** Leaves nothing half-written. */
  abandon(): Promise<void>;
}
