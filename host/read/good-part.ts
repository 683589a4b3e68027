import { type Problem, TelemetryError } from "../text/errors.ts";

/**
 * Returns the items of a source as far as it is good. Damage that ends it (exit code 1), such as a cut gzip file, becomes
 * its last item. Any other failure stays one. Memory: none of its own.
 */
export async function* goodPart<T>(
  source: AsyncIterable<T>,
  last: (problem: Problem) => T,
): AsyncGenerator<T, void, void> {
  try {
    yield* source;
  } catch (error) {
    if (!(error instanceof TelemetryError) || error.exitCode !== 1) throw error;
    yield last({ code: error.code, message: error.message });
  }
}
