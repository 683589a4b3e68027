import assert from "node:assert/strict";
import { topicFilter } from "../../../host/receive/links/mqtt-topic.ts";
import type { TelemetryError } from "../../../host/text/errors.ts";

describe("a topic filter", () => {
  it("names the device by what its + and # match", () => {
    for (const [topic, of, device] of [
      [undefined, "xs-telemetry/kitchen", "kitchen"],
      ["site/+/telemetry", "site/pump-1/telemetry", "pump-1"],
      ["+/xs/+", "berlin/xs/pump-1", "berlin/pump-1"],
      ["+/xs/+", "paris/xs/pump-1", "paris/pump-1"],
      ["a/#", "a/b/c", "b/c"],
      ["a/#", "a", ""],
      ["a/+/#", "a/x/y/z", "x/y/z"],
      ["#", "any/thing", "any/thing"],
      ["/+/xs", "/a/xs", "a"],
    ] as const) {
      assert.equal(topicFilter({ topic }).deviceOf(of), device, topic);
      assert.equal(topicFilter({ topic, group: "g" }).deviceOf(of), device, topic);
    }
    assert.equal(topicFilter({ topic: "a/+", group: "g" }).filter, "$share/g/a/+");
  });

  it("is refused if no device follows from it, with one that does", () => {
    for (const [topic, example] of [
      ["site/pump-1/telemetry", "site/+/telemetry"],
      ["xs-telemetry/kitchen", "xs-telemetry/+"],
      ["telemetry", "telemetry/+"],
    ])
      assert.throws(
        () => topicFilter({ topic }),
        ({ code, message, exitCode }: TelemetryError) =>
          code === "E_TOPIC" && exitCode === 2 && message.endsWith(`as in "${example}"`),
      );
  });
});
