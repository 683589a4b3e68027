/** What OpenTelemetry's standard variables say about the sender. */
import { TelemetryError } from "../text/errors.ts";
import { quote } from "../text/lines.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface OtlpIdentity {
  readonly serviceName: string;
  /** Additional attributes of every resource. */
  readonly attributes: ReadonlyMap<string, string>;
}

const SERVICE_NAME = "service.name";

/** From OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. Throws as keyValues. */
export function identityFrom(environment: Environment): OtlpIdentity {
  const attributes = keyValues(environment, "OTEL_RESOURCE_ATTRIBUTES");
  const serviceName = environment.OTEL_SERVICE_NAME || attributes.get(SERVICE_NAME) || "xs-telemetry";
  attributes.delete(SERVICE_NAME);
  return { serviceName, attributes };
}

/**
 * Parses a variable of the form `a=1,b=two%20words`. Throws TelemetryError E_USAGE (exit code 2), without the values,
 * which may be secret.
 */
export function keyValues(environment: Environment, variable: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const pair of (environment[variable] ?? "").split(",")) {
    if (pair.trim() === "") continue;
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(pair) ?? [];
    const name = key.trim();
    try {
      if (name === "") throw new URIError();
      found.set(decodeURIComponent(name), decodeURIComponent(value.trim()));
    } catch {
      const message = `${variable}: the part ${name === "" ? `number ${found.size + 1}` : `of ${quote(name)}`} is not key=value with percent-encoding: write it as key=value,key2=value2`;
      throw new TelemetryError("E_USAGE", message, 2);
    }
  }
  return found;
}
