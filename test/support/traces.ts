// Traces of the bundled registry's events, for specs of the order of events.
import { registry } from "../../host/generated/registry.ts";
import { type Issue, type ValidateOptions, Validator } from "../../host/validate/validate.ts";
import type { Json } from "./arbitrary-events.ts";

const MESSAGE = { msgType: "getStatus", result: "ok", reason: "" };

/** What a message with this reason is; "" is an accepted one. */
export function message(reason: string): Json {
  return { ...MESSAGE, result: reason === "" ? "ok" : "rejected", reason };
}

/** Events of one boot, each one number and a few milliseconds further. */
export class Trace {
  readonly events: Json[] = [];
  #number: number;
  #ms: number;

  constructor(number = 0, ms = 0) {
    this.#number = number;
    this.#ms = ms + 40;
  }

  add(event: string, clientId: number, connEpoch: number, more: Json = {}): this {
    this.#ms += 20;
    const common = { event, ts_mono_ms: this.#ms, connEpoch, eventSeq: this.#number++, clientId };
    const said = event === "msg.recv" ? MESSAGE : event === "msg.send" ? { msgType: "status" } : {};
    this.events.push({ ...common, ...said, ...more, schemaVersion: "1.0.0" });
    return this;
  }

  /** N messages of a connection. */
  fill(count: number, clientId: number, connEpoch: number): this {
    for (let made = 0; made < count; made++) this.add("msg.recv", clientId, connEpoch);
    return this;
  }

  /** N unseen events. */
  lose(count: number): this {
    this.#number += count;
    return this;
  }
}

/** The issues in a trace of events, or of strings that are lines. */
export function issuesOf(lines: readonly unknown[], options: Partial<ValidateOptions> = {}): Issue[] {
  const validator = new Validator({ registries: [registry], ...options });
  for (const [index, line] of lines.entries())
    validator.checkLine(typeof line === "string" ? line : JSON.stringify(line), index + 1);
  return validator.takeIssues();
}
