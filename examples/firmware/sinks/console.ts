/** Lines of text on the console, beside everything that `trace` shows: for a board with nothing but its USB cable, for xsbug, for the simulator. */
import { consoleSink, type OpenSink } from "xs-telemetry/console";

export function openSink(): OpenSink {
  return consoleSink();
}
