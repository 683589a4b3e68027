/** What is subscribed to, and which device a message's topic names. */
import { quote } from "../../text/lines.ts";
import { linkError } from "./link.ts";

/** The length of a text has 16 bits in MQTT. */
const MOST_TEXT_BYTES = 65_535;
const DEFAULT_TOPIC = "xs-telemetry/+";

export interface TopicFilter {
  /** As the broker gets it. */
  readonly filter: string;
  /** The device that a topic names, which matches. */
  deviceOf(topic: string): string;
}

/**
 * The filter of these options. The device is what its `+` stand for, and its `#`, with slashes between. Throws TelemetryError E_TOPIC if it is
 * none, or if no device follows from it.
 */
export function topicFilter({
  topic = DEFAULT_TOPIC,
  group,
}: {
  topic?: string | undefined;
  group?: string | undefined;
}): TopicFilter {
  const levels = topic.split("/");
  const isGood = (level: string, index: number) =>
    level === "+" || (level === "#" && index === levels.length - 1) || !/[+#\0]/.test(level);
  if (topic === "" || !levels.every(isGood))
    throw linkError(
      "E_TOPIC",
      `--topic is ${quote(topic)}: + stands for a whole level, # for all that follow, at the end only`,
    );
  checkLength("E_TOPIC", "--topic", topic);
  const places = levels.flatMap((level, index) => (level === "+" || level === "#" ? [index] : []));
  if (places.length === 0)
    throw linkError(
      "E_TOPIC",
      `--topic is ${quote(topic)}, of which no device follows: all would be one; write + where its name stands, as in ${quote(exampleOf(levels))}`,
    );
  const deviceOf = (of: string): string => {
    const given = of.split("/");
    return places
      .flatMap((place) => (levels[place] === "#" ? given.slice(place) : given.slice(place, place + 1)))
      .join("/");
  };
  if (group === undefined) return { filter: topic, deviceOf };
  if (group === "" || /[/+#\0]/.test(group))
    throw linkError("E_TOPIC", `--group is ${quote(group)}, expected a name without / + #`);
  const shared = `$share/${group}/${topic}`;
  checkLength("E_TOPIC", "--topic with --group", shared);
  return { filter: shared, deviceOf };
}

/** The last level but one, or the only one, is likely to be the device's. */
function exampleOf(levels: readonly string[]): string {
  return levels.length < 3 ? [...levels.slice(0, 1), "+"].join("/") : levels.with(-2, "+").join("/");
}

/** Throws TelemetryError if the text is longer than MQTT can say: mqtt.js would throw where nobody catches it. */
export function checkLength(code: string, what: string, text = ""): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_TEXT_BYTES)
    throw linkError(code, `${what} has ${bytes} bytes, MQTT takes ${MOST_TEXT_BYTES} at most: give a shorter one`);
}
