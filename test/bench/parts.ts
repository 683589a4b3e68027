/** The parts of a benchmark, and the note for one that this machine cannot measure. */
import { type Engine, printed, type Row, type RowKey, type Say } from "./rows.ts";

/** Whether an error says that the machine lacks something. Any other is an error in what was measured. */
export function isUnavailable(error: unknown): error is Error {
  return error instanceof Error && (error as Error & { code?: unknown }).code === "E_UNAVAILABLE";
}

/** In the sentence of orElse(). */
export const NOT_MEASURED = "not measured on this machine";

/** Rows without a figure: what would have been measured. */
export function unmeasured(engine: Engine, keys: readonly Omit<RowKey, "engine">[]): Row[] {
  return keys.map((key) => {
    const nothing = { instructions: null, ns: null, allocatedBytes: null, recordBytes: null };
    return printed({ engine, ...key, ...nothing });
  });
}

/** Measures; if the machine lacks something, says so in one sentence and returns `otherwise()`. */
export async function orElse<T>(
  what: string,
  measure: () => Promise<T>,
  otherwise: () => T | Promise<T>,
  say: Say,
): Promise<T> {
  try {
    return await measure();
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    say(`${what}: ${NOT_MEASURED}: ${error.message}`);
    return otherwise();
  }
}
