/** Packets as messages of an MQTT broker, one in each; the device is what the filter's wildcards match. */
import type { MqttClient } from "mqtt";
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES } from "../../../src/ring/packet-layout.ts";
import type { TelemetryError } from "../../text/errors.ts";
import { quote } from "../../text/lines.ts";
import { readAuthority } from "../../text/network-errors.ts";
import { Ending, type Link, type LinkEvents, linkError } from "./link.ts";
import { brokerError, isRefusedForGood, noAnswer, noGreeting, refusedSubscription } from "./mqtt-errors.ts";
import { checkLength, type TopicFilter, topicFilter } from "./mqtt-topic.ts";

export interface MqttLinkOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`, with user name and password if needed. */
  readonly url: string;
  /** Topic filter. Default `xs-telemetry/+`. */
  readonly topic?: string | undefined;
  /** Shared subscription: the broker shares the packets among all clients with this group name. */
  readonly group?: string | undefined;
  /** Makes the session persistent: the broker keeps packets for it while it is away. */
  readonly clientId?: string | undefined;
  /** File with the certificate, PEM, of the authority that signed the broker's. */
  readonly ca?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** The longest wait for the broker's greeting, and then for its answer to the subscription. Default 10 s. */
  readonly greetingMs?: number | undefined;
}

const PROTOCOLS = ["mqtt", "mqtts", "ws", "wss"] as const;
const RECONNECT_MS = 1000;
const GREETING_MS = 10_000;
const GOODBYE_MS = 2000;

export interface Broker {
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly host: string;
  readonly port?: number;
  readonly path?: string;
  readonly username?: string;
  readonly password?: string;
  /** Without name and password. */
  readonly shown: string;
}

/**
 * Connects and subscribes with QoS 1. A packet is acknowledged to the broker only when events.packet() has returned, so
 * a persistent session gets again what this process did not take before it died. Once connected, it reconnects by
 * itself. Throws TelemetryError E_URL, E_TOPIC, E_USAGE, E_BROKER, E_BROKER_REFUSED or E_TLS, exit code 2.
 */
export async function openMqttLink(options: MqttLinkOptions, events: LinkEvents): Promise<Link> {
  const broker = readBroker(options);
  const filter = topicFilter(options);
  const isTls = broker.protocol === "mqtts" || broker.protocol === "wss";
  const { clientId, ca, greetingMs = GREETING_MS } = options;
  if (clientId === "")
    throw linkError(
      "E_USAGE",
      '--client-id is "": give the session a name, or leave it out for a session that does not persist',
    );
  checkLength("E_USAGE", "--client-id", clientId);
  if (ca !== undefined && !isTls)
    throw linkError(
      "E_URL",
      `--ca is for TLS, but the URL begins with ${broker.protocol}://: write mqtts:// or wss://`,
    );
  const authority = ca === undefined ? undefined : readAuthority(ca);
  // Loaded when needed: it is large.
  const { default: mqtt } = await import("mqtt");
  const { shown, ...address } = broker;
  const client = mqtt.connect({
    ...address,
    ...(clientId !== undefined && { clientId }),
    ...(authority !== undefined && { ca: authority }),
    clean: clientId === undefined,
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: greetingMs,
    reconnectOnConnackError: true,
    resubscribe: false, // done here, where a refusal is seen
  });
  const link = new MqttLink(client, shown, filter, clientId, events, (error) =>
    brokerError(error, shown, ca !== undefined),
  );
  await link.open(greetingMs);
  return link;
}

class MqttLink implements Link {
  readonly description: string;
  readonly #client: MqttClient;
  readonly #broker: string;
  readonly #filter: string;
  readonly #deviceOf: TopicFilter["deviceOf"];
  readonly #clientId: string | undefined;
  readonly #events: LinkEvents;
  readonly #errorOf: (error: Error) => TelemetryError;
  readonly #ending = new Ending();
  #stands = false;
  #isLost = false;

  constructor(
    client: MqttClient,
    broker: string,
    { filter, deviceOf }: TopicFilter,
    clientId: string | undefined,
    events: LinkEvents,
    errorOf: (error: Error) => TelemetryError,
  ) {
    this.#client = client;
    this.#broker = broker;
    this.#filter = filter;
    this.#deviceOf = deviceOf;
    this.#clientId = clientId;
    this.#events = events;
    this.#errorOf = errorOf;
    this.description = `${filter} of ${broker}`;
    client.handleMessage = ({ topic, payload }, acknowledge) => {
      // Not acknowledged if it was not taken: the next process with this session gets it.
      if (this.#ending.attempt(() => this.#message(topic, payload))) acknowledge();
      else this.#hangUp();
    };
  }

  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  /** Resolves when the subscription is first confirmed. Waits this long for the broker's answer. */
  async open(answerMs: number): Promise<void> {
    const client = this.#client;
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        client.on("connect", () => this.#subscribe(resolve, reject));
        client.once("connect", () => {
          timer = setTimeout(() => reject(noAnswer(this.#broker, this.#filter, answerMs)), answerMs);
        });
        client.on("error", (error) => {
          if (!this.#stands) reject(this.#errorOf(error));
          else if (isRefusedForGood(error)) this.#fail(this.#errorOf(error));
        });
        client.on("close", () => {
          if (this.#stands) this.#lost();
          else reject(noGreeting(this.#broker));
        });
      });
    } catch (error) {
      this.#hangUp();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): Promise<void> {
    if (this.#ending.isOver) return Promise.resolve();
    this.#ending.end();
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#hangUp();
        resolve();
      }, GOODBYE_MS);
      this.#client.end(!this.#client.connected, {}, () => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  #subscribe(stands: () => void, refused: (error: TelemetryError) => void): void {
    this.#client.subscribe(this.#filter, { qos: 1 }, (error, granted) => {
      if (error !== null && !("packet" in error && error.packet !== undefined)) return; // the connection is gone: "close" follows
      if (error !== null || granted?.some(({ qos }) => qos === 128)) {
        const refusal = refusedSubscription(this.#broker, this.#filter);
        if (this.#stands) this.#fail(refusal);
        else refused(refusal);
        return;
      }
      if (this.#isLost) this.#events.say(`${this.#broker} is back`);
      this.#isLost = false;
      this.#stands = true;
      stands();
    });
  }

  #message(topic: string, payload: string | Buffer): void {
    const device = this.#deviceOf(topic);
    const { length } = payload;
    if (typeof payload !== "string" && length >= PACKET_HEADER_BYTES && length <= MAX_PACKET_BYTES)
      this.#events.packet(device, new Uint8Array(payload), Date.now());
    else {
      const message = `a message of ${length} bytes, a packet has ${PACKET_HEADER_BYTES} to ${MAX_PACKET_BYTES}: another program publishes here`;
      this.#events.problem({ code: "E_MESSAGE", message }, device);
    }
  }

  #lost(): void {
    if (this.#isLost || this.#ending.isOver) return;
    this.#isLost = true;
    const other =
      this.#clientId === undefined
        ? ""
        : `; if this repeats, another process uses the client id ${quote(this.#clientId)}`;
    this.#events.say(`${this.#broker} closed the connection; trying again every second${other}`);
  }

  #fail(error: TelemetryError): void {
    this.#ending.end(error);
    this.#hangUp();
  }

  #hangUp(): void {
    this.#client.end(true);
  }
}

/** The broker in a URL. Throws TelemetryError E_URL. */
export function readBroker({
  url,
  username,
  password,
}: Pick<MqttLinkOptions, "url" | "username" | "password">): Broker {
  const example = "expected one such as mqtt://localhost, mqtts://user:password@broker.example:8883";
  if (!URL.canParse(url)) throw linkError("E_URL", `the value of --mqtt is not a URL: ${example}`); // it may contain a password
  const parsed = new URL(url);
  const protocol = PROTOCOLS.find((known) => `${known}:` === parsed.protocol);
  if (protocol === undefined || parsed.hostname === "")
    throw linkError("E_URL", `the URL of --mqtt begins with ${quote(parsed.protocol)}: ${example}`);
  const { hostname, port, pathname, search } = parsed;
  const isWebSocket = protocol === "ws" || protocol === "wss";
  if (!isWebSocket && pathname.length > 1)
    throw linkError("E_URL", `the URL of --mqtt has the path ${quote(pathname)}: name the topic with --topic`);
  let credentials: { username: string; password: string };
  try {
    credentials = { username: decodeURIComponent(parsed.username), password: decodeURIComponent(parsed.password) };
  } catch {
    throw linkError("E_URL", "user name or password in the URL of --mqtt: write % as %25");
  }
  const name = credentials.username || username;
  const secret = credentials.password || password;
  if (secret && !name)
    throw linkError(
      "E_URL",
      "--mqtt has a password, but no user name: give both in the URL (mqtt://user:password@host) or in " +
        "XS_TELEMETRY_MQTT_USERNAME and XS_TELEMETRY_MQTT_PASSWORD, or neither",
    );
  checkLength("E_URL", "the user name for --mqtt", name);
  checkLength("E_URL", "the password for --mqtt", secret);
  return {
    protocol,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    ...(port !== "" && { port: Number(port) }),
    ...(isWebSocket && { path: `${pathname}${search}` }),
    ...(name && { username: name }),
    ...(secret && { password: secret }),
    shown: `${protocol}://${hostname}${port === "" ? "" : `:${port}`}`,
  };
}
