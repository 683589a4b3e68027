/**
 * The possible errors of a connection, for any protocol, as messages that say what to do. No message contains a secret.
 */
import { readFileSync } from "node:fs";
import { TelemetryError } from "./errors.ts";
import { ioError, nameOf } from "./io-error.ts";
import { visible } from "./visible.ts";

/** A failure of the connection: of the network, of TLS, or the peer's refusal. */
export interface Failure extends Error {
  readonly code?: string | number;
  /** For TLS: the certificate's owner. */
  readonly cert?: { readonly subjectaltname?: string };
}

/** What the other side is called. */
export interface Peer {
  /** "broker" */
  readonly name: string;
  /** "start the broker, or check host and port (1883, with TLS 8883)" */
  readonly start: string;
  /** The scheme without TLS: "mqtt" */
  readonly plain: string;
  /** What to do if it wants a certificate of this client: "give one with --cert and --key" */
  readonly clientCertificate: string;
}

/** For who has no options for it. */
export const NO_CLIENT_CERTIFICATE = "this command has none, so it must accept clients without";
/** What TLS's alerts say of a client's certificate: that it is bad, not supported, revoked, expired, not known, of an unknown authority, missing. */
const OF_CLIENT_CERTIFICATE = [42, 43, 44, 45, 46, 48, 116];
/** Before TLS 1.3 a missing one is this, as are ciphers that do not fit. */
const HANDSHAKE_FAILURE = 40;

/** What the network says, for people. */
export function networkError(error: Failure, { start }: Peer): string {
  const { code = "" } = error;
  switch (code) {
    case "ECONNREFUSED":
      return `nothing listens there: ${start}`;
    case "ENOTFOUND":
      return "the host has no address: check its name";
    case "EAI_AGAIN":
      return "the host's address cannot be looked up now: check its name, and this machine's network";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return "the host cannot be reached: check its address, the network and firewalls";
    default:
      return visible(error.message || String(code));
  }
}

/** What fails in TLS, for people. Undefined if it is not TLS that failed. `hasCa`: whether --ca was given. */
export function certificateError(
  error: Failure,
  { name, plain, clientCertificate }: Peer,
  hasCa: boolean,
): string | undefined {
  const { code } = error;
  if (typeof code !== "string") return undefined;
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return hasCa
        ? `its certificate is not signed by the authority in --ca: give the one that signed the ${name}'s`
        : "its certificate is signed by an authority that this machine does not trust: name the authority's certificate with --ca FILE";
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired: renew it, or set this machine's clock";
    case "CERT_NOT_YET_VALID":
      return `its certificate is not valid yet: set this machine's clock, or issue it again`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is for ${visible(error.cert?.subjectaltname ?? "another host")}: use a name that it is for`;
  }
  if (!/^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_)/.test(code)) return undefined;
  const [, reason = error.message] = /:error:[^:]*:[^:]*:[^:]*:([^:]+):/.exec(error.message) ?? [];
  const said = visible(reason.trim());
  const alert = Number(/SSL alert number (\d+)/.exec(error.message)?.[1]);
  if (OF_CLIENT_CERTIFICATE.includes(alert))
    return `it wants a certificate of this client that it trusts (${said}): ${clientCertificate}`;
  if (alert === HANDSHAKE_FAILURE)
    return `it ends the handshake (${said}), as a rule because it wants a certificate of this client: ${clientCertificate}`;
  return `TLS fails (${said}): does that port speak TLS? ${plain}:// is without`;
}

/** Certificates of a PEM file. Throws TelemetryError. */
export function readAuthority(path: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (error) {
    throw ioError(path, error);
  }
  if (!pem.includes("-----BEGIN CERTIFICATE-----"))
    throw new TelemetryError("E_TLS", `${nameOf(path)} has no certificate in PEM (-----BEGIN CERTIFICATE-----)`, 2);
  return pem;
}
