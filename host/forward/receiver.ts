/** Where records are sent, according to options and OpenTelemetry's standard variables. */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Environment, keyValues } from "../export/otlp-identity.ts";
import { TelemetryError } from "../text/errors.ts";
import { ioError, nameOf } from "../text/io-error.ts";
import { quote, visible } from "../text/lines.ts";

export interface ReceiverOptions {
  /** The URL. */
  readonly otlp?: string | undefined;
  /** The option that gave it, if it is not --otlp. */
  readonly flag?: string | undefined;
  /** `name: value` */
  readonly header?: readonly string[] | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface Receiver {
  readonly url: URL;
  /** The URL without parts that may be secret. */
  readonly shown: string;
  /**
   * Distinguishes it from other receivers, for a position: the URL without its password, and the headers without secret
   * ones, which are renewed.
   */
  readonly identity: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isCompressed: boolean;
  /** The longest wait for an answer. */
  readonly timeoutMs: number;
  /** PEM. */
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer };
}

const PREFIX = "OTEL_EXPORTER_OTLP_";
const LOGS_PATH = "/v1/logs";
const TIMEOUT_MS = 10_000;
const MOST_TIMEOUT_MS = 2 ** 31 - 1;
/** Headers of the connection, or of how the body is sent. */
const OURS =
  /^(content-(type|length|encoding)|transfer-encoding|trailer|te|expect|upgrade|host|connection|keep-alive|proxy-connection)$/i;
const SECRET = /auth|key|token|secret|password|cookie|signature/;

/**
 * Options take precedence over variables, and OTEL_EXPORTER_OTLP_LOGS_… over OTEL_EXPORTER_OTLP_…. Throws
 * TelemetryError (exit code 2) E_USAGE or E_URL for unusable values, E_NOT_FOUND or E_READ for a PEM file.
 */
export function receiverOf(options: ReceiverOptions, environment: Environment): Receiver {
  const said = (name: string) => {
    const found = [`${PREFIX}LOGS_${name}`, `${PREFIX}${name}`].find((each) => environment[each]);
    return found === undefined ? undefined : { name: found, value: environment[found]! };
  };
  const url = urlOf(options, environment);
  const protocol = said("PROTOCOL");
  if (protocol !== undefined && protocol.value !== "http/protobuf")
    throw usage(
      `${protocol.name} is ${quote(protocol.value)}: only http/protobuf is supported; leave it out, or set it to that`,
    );
  const compression = said("COMPRESSION");
  if (compression !== undefined && compression.value !== "gzip" && compression.value !== "none")
    throw usage(`${compression.name} is ${quote(compression.value)}: set it to gzip or none`);
  const timeout = said("TIMEOUT");
  const timeoutMs = timeout === undefined ? TIMEOUT_MS : Number(timeout.value);
  if (timeout !== undefined && !(/^\d+$/.test(timeout.value) && timeoutMs > 0 && timeoutMs <= MOST_TIMEOUT_MS))
    throw usage(`${timeout.name} is ${quote(timeout.value)}: set it to milliseconds, 1 to ${MOST_TIMEOUT_MS}`);
  const pem = (path: string | undefined, variable: string, flag: string) => {
    const file = path ?? said(variable)?.value;
    if (file === undefined) return undefined;
    if (url.protocol !== "https:")
      throw new TelemetryError("E_URL", `${flag} is for TLS, but the URL begins with http://: write https://`, 2);
    return pemFile(file);
  };
  const ca = pem(options.ca, "CERTIFICATE", "--ca");
  const cert = pem(options.cert, "CLIENT_CERTIFICATE", "--cert");
  const key = pem(options.key, "CLIENT_KEY", "--key");
  if ((cert === undefined) !== (key === undefined))
    throw usage(`a client has a certificate and its key: give both --cert and --key`);
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  try {
    createSecureContext(tls);
  } catch (error) {
    const message = `the client's certificate and key cannot be used (${visible((error as Error).message)}): give the certificate with --cert and its own key, without a passphrase, with --key, both as PEM`;
    throw new TelemetryError("E_TLS", message, 2);
  }
  const headers = headersOf(options.header ?? [], said("HEADERS")?.name ?? "", environment);
  const { username, password } = url;
  if ((username !== "" || password !== "") && headers.authorization === undefined)
    headers.authorization = `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString("base64")}`;
  return {
    url,
    shown: `${url.protocol}//${url.host}${url.pathname}`,
    identity: JSON.stringify([
      url.protocol,
      username,
      url.host,
      url.pathname,
      url.search,
      ...Object.entries(headers)
        .filter(([name]) => !SECRET.test(name))
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
    headers,
    isCompressed: compression?.value !== "none",
    timeoutMs,
    tls,
  };
}

function urlOf({ otlp, flag = "--otlp" }: ReceiverOptions, environment: Environment): URL {
  const own = environment[`${PREFIX}LOGS_ENDPOINT`];
  const general = environment[`${PREFIX}ENDPOINT`];
  const text = otlp ?? (own || general);
  if (!text)
    throw usage(`no receiver is named: give --otlp URL, such as http://localhost:4318, or set ${PREFIX}ENDPOINT`);
  const name = otlp !== undefined ? flag : own ? `${PREFIX}LOGS_ENDPOINT` : `${PREFIX}ENDPOINT`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.host === "")
    throw new TelemetryError(
      "E_URL",
      `${name} is not an http:// or https:// URL with a host: write it as http://localhost:4318`,
      2,
    );
  // The general endpoint is what all signals share, and so is a URL without a path.
  if (otlp === undefined && !own) url.pathname = url.pathname.replace(/\/*$/, LOGS_PATH);
  else if (otlp !== undefined && url.pathname === "/") url.pathname = LOGS_PATH;
  return url;
}

function headersOf(lines: readonly string[], variable: string, environment: Environment): Record<string, string> {
  const headers: Record<string, string> = {};
  const add = (from: string, name: string, value: string) => {
    // The wrong value is not shown: it may be secret.
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value))
      throw usage(`${from}: a header is a name of letters, digits and dashes, and a value without control characters`);
    if (OURS.test(name)) throw usage(`${from}: forward sets ${name} itself: leave it out`);
    headers[name.toLowerCase()] = value;
  };
  if (variable !== "") for (const [name, value] of keyValues(environment, variable)) add(variable, name, value);
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:]*):\s*(.*)$/s.exec(line) ?? [];
    add("--header", name.trim(), value.trim());
  }
  return headers;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function pemFile(path: string): Buffer {
  try {
    const bytes = readFileSync(path);
    if (!bytes.includes("-----BEGIN ")) throw usage(`${nameOf(path)} is not PEM: it has no line -----BEGIN …-----`);
    return bytes;
  } catch (error) {
    throw ioError(path, error);
  }
}

function usage(message: string): TelemetryError {
  return new TelemetryError("E_USAGE", message, 2);
}
