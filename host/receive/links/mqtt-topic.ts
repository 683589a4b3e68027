/** Which topics are subscribed to, and which device a message's topic names. */
import { quote } from "../../text/lines.ts";
import { linkError } from "./link.ts";

/** The length of a text in MQTT has 16 bits. */
const MOST_TEXT_BYTES = 65_535;
const DEFAULT_TOPIC = "xs-telemetry/+";

export interface TopicFilter {
  /** As the broker gets it. */
  readonly filter: string;
  /** The device named by a matching topic. */
  deviceOf(topic: string): string;
}

/**
 * The filter for these options. The device is the part of the topic that its `+` and its `#` match, joined by slashes.
 * Throws TelemetryError E_TOPIC if it is not valid, or does not tell devices apart.
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
    throw linkError("E_TOPIC", `--topic is ${quote(topic)}: + must be a whole level, and # the last one`);
  checkLength("E_TOPIC", "--topic", topic);
  const places = levels.flatMap((level, index) => (level === "+" || level === "#" ? [index] : []));
  if (places.length === 0)
    throw linkError(
      "E_TOPIC",
      `--topic is ${quote(topic)}, which does not tell devices apart: write + in place of the device's name, as in ${quote(exampleOf(levels))}`,
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

/** The device's level is probably the last but one, or the only one. */
function exampleOf(levels: readonly string[]): string {
  return levels.length < 3 ? [...levels.slice(0, 1), "+"].join("/") : levels.with(-2, "+").join("/");
}

/** Throws TelemetryError if the text is longer than MQTT allows: mqtt.js would throw where nobody catches it. */
export function checkLength(code: string, what: string, text = ""): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_TEXT_BYTES)
    throw linkError(code, `${what} has ${bytes} bytes, but MQTT allows at most ${MOST_TEXT_BYTES}: give a shorter one`);
}
