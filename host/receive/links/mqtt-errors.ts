/** The possible errors of a broker, as messages that say what to do. No message contains a password. */
import type { TelemetryError } from "../../text/errors.ts";
import { visible } from "../../text/lines.ts";
import {
  certificateError,
  type Failure,
  NO_CLIENT_CERTIFICATE,
  networkError,
  type Peer,
} from "../../text/network-errors.ts";
import { linkError } from "./link.ts";

const BROKER: Peer = {
  name: "broker",
  start: "start the broker, or check host and port (1883, with TLS 8883)",
  plain: "mqtt",
  clientCertificate: NO_CLIENT_CERTIFICATE,
};
const REFUSED_CREDENTIALS: readonly unknown[] = [4, 5, 134, 135];

/** True if the broker has refused the user, which trying again would not help. */
export function isRefusedForGood(error: Failure): boolean {
  return REFUSED_CREDENTIALS.includes(error.code);
}

/** `broker`: as it is shown, `mqtts://host:8883`; `hasCa`: whether --ca was given. */
export function brokerError(error: Failure, broker: string, hasCa: boolean): TelemetryError {
  const { code } = error;
  const certificate = certificateError(error, BROKER, hasCa);
  if (certificate !== undefined) return linkError("E_TLS", `${broker}: ${certificate}`);
  if (isRefusedForGood(error))
    return linkError(
      "E_BROKER_REFUSED",
      `${broker} refuses the user name or password: give them in the URL (mqtt://user:password@host) or in ` +
        "XS_TELEMETRY_MQTT_USERNAME and XS_TELEMETRY_MQTT_PASSWORD",
    );
  if (typeof code === "number")
    return linkError("E_BROKER_REFUSED", `${broker} refuses the connection: ${visible(error.message)} (code ${code})`);
  if (code === "ECONNRESET" || code === "EPIPE") return noGreeting(broker);
  return linkError("E_BROKER", `${broker}: ${networkError(error, BROKER)}`);
}

/** The broker has closed the connection, or said nothing, before its greeting. */
export function noGreeting(broker: string): TelemetryError {
  const wrongKind = /^(mqtts|wss):/.test(broker)
    ? " and speaks TLS; mqtt:// is without TLS"
    : "; if that port speaks TLS, write mqtts://";
  return linkError(
    "E_BROKER",
    `${broker} closes the connection without a greeting: check that it is an MQTT broker${wrongKind}`,
  );
}

/** The broker has greeted, and said nothing since. */
export function noAnswer(broker: string, filter: string, waitedMs: number): TelemetryError {
  return linkError(
    "E_BROKER",
    `${broker} has not answered the subscription to ${visible(filter)} for ${waitedMs / 1000} s: see the broker's log, or restart it`,
  );
}

export function refusedSubscription(broker: string, filter: string): TelemetryError {
  return linkError(
    "E_BROKER_REFUSED",
    `${broker} refuses the subscription to ${visible(filter)}: allow it for this user in the broker's access list, or give another --topic`,
  );
}
