/** The parts of a benchmark, and what is said of one that this machine cannot measure. */
import { type Engine, printed, type Row, type RowKey, type Say } from "./rows.ts";

/** Whether an error says that the machine lacks something. Any other is a fault of what was measured. */
export function isUnavailable(error: unknown): error is Error {
  return error instanceof Error && (error as Error & { code?: unknown }).code === "E_UNAVAILABLE";
}

/** In the sentence that orElse() says. */
export const NOT_MEASURED = "not measured on this machine";

/** Rows without a figure: what would have been measured. */
export function unmeasured(engine: Engine, keys: readonly Omit<RowKey, "engine">[]): Row[] {
  return keys.map((key) => {
    const nothing = { instructions: null, ns: null, allocatedBytes: null, recordBytes: null };
    return printed({ engine, ...key, ...nothing });
  });
}

/** Measures; where the machine lacks something, says so in one sentence and returns `otherwise()`. */
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
