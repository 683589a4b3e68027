import type { Summarized } from "../read/summarize.ts";
import { nameOf } from "../text/io-error.ts";
import type { Context } from "./context.ts";
import { bytesDone, openCapture } from "./io.ts";
import { decodedRegistry, type RegistryOption, registriesOf } from "./registries.ts";

export interface StatsOptions extends RegistryOption {
  readonly format: "text" | "json";
}

export interface RecordingStats extends Summarized {
  readonly form: string;
  readonly problems: ReadonlyMap<string, number>;
}

/** Reads a recording to its end. Problems are reported, except losses, which are in the sums. */
export async function openRecordingStats(
  name: string,
  path: string,
  options: StatsOptions,
  context: Context,
): Promise<RecordingStats> {
  // Loaded when needed: it brings histograms.
  const { summarize } = await import("../read/summarize.ts");
  const registries = await registriesOf(options);
  const registry = decodedRegistry(options, registries);
  const progress = context.progress(name, path, false);
  const problems = new Map<string, number>();
  try {
    const recording = await openCapture(path, (input) => progress.update(() => bytesDone(input)));
    const found = await summarize(recording, { registry, registries }, (problem) => {
      problems.set(problem.code, (problems.get(problem.code) ?? 0) + 1);
      if (problem.code === "W_LOST_IN_TRANSIT" || problem.code === "W_LATE") return;
      if (problem.code.startsWith("E_")) context.worsen(1);
      progress.clear();
      context.sayProblem(problem, path);
    });
    const events = Object.values(found.statistics.events).reduce((sum, count) => sum + count, 0);
    if (events === 0) {
      context.worsen(1);
      if (problems.size === 0) context.say(`${nameOf(path)}: E_EMPTY: there is no event in it`);
    }
    return { ...found, form: recording.form, problems };
  } finally {
    progress.clear();
  }
}
