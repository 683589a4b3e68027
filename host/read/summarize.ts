import type { DecodeSummary } from "../decode/types.ts";
import type { Problem } from "../text/errors.ts";
import { type ReadOptions, readEvents } from "./events.ts";
import type { Recording } from "./recording.ts";
import type { Statistics } from "./statistics.ts";
import { Stats } from "./stats.ts";
import { StatsSink } from "./stats-sink.ts";

export interface Summarized {
  readonly statistics: Statistics;
  /** For a recording of packets. */
  readonly summary: DecodeSummary | undefined;
}

/** Sums up a recording. `onProblem` gets its problems. Fails as the recording's items do. Memory is bounded. */
export async function summarize(
  recording: Recording,
  options: ReadOptions,
  onProblem: (problem: Problem) => void = () => {},
): Promise<Summarized> {
  const stats = new Stats();
  if (recording.form === "lines") {
    for await (const items of readEvents(recording, options))
      for (const item of items)
        if (item.kind === "event") stats.line(item);
        else if (item.kind === "gap") stats.gap(stats.boot(item.place), item.causes, item.missing);
        else if (item.kind === "problem") onProblem(item.problem);
    return { statistics: stats.result(), summary: undefined };
  }
  const { registry } = options;
  let summary: DecodeSummary | undefined;
  const output = recording.items({
    registry,
    output: (records, timeOf) => new StatsSink(stats, registry, records, timeOf),
  });
  for await (const item of output)
    if (item.kind === "problem") onProblem(item.problem);
    else if (item.kind === "summary") summary = item.summary;
  return { statistics: stats.result(), summary };
}
