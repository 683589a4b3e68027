import { type Problem, TelemetryError } from "../text/errors.ts";

/** A source as far as it is good: damage that ends it (exit code 1), such as gzip that is cut, is its last item. Fails as the source does otherwise. */
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
