/** What can be wrong with TLS, in words that say what to do. */
import { visible } from "./visible.ts";

export interface TlsFailure extends Error {
  /** Whose certificate it was. */
  readonly cert?: { readonly subjectaltname?: string };
}

/** `hasCa`: whether --ca was given; `plain`: how a URL without TLS begins. Undefined if it is not TLS that failed. */
export function certificateError(
  code: string,
  error: TlsFailure,
  hasCa: boolean,
  { server, plain }: { readonly server: string; readonly plain: string },
): string | undefined {
  switch (code) {
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
      return hasCa
        ? `its certificate is not signed by the authority in the file of --ca: give that of the ${server}`
        : "its certificate is signed by nobody this machine trusts: name the certificate of its authority with --ca FILE";
    case "CERT_HAS_EXPIRED":
      return "its certificate has expired: renew it, or set this machine's clock";
    case "CERT_NOT_YET_VALID":
      return `its certificate is not valid yet: set this machine's clock, or the ${server}'s when it was made`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `its certificate is for ${visible(error.cert?.subjectaltname ?? "another host")}: use the name that is in it`;
    default:
      return /^(ERR_TLS_|ERR_SSL_|EPROTO|CERT_)/.test(code)
        ? `TLS fails (${visible(error.message)}): does that port speak TLS? ${plain} is without`
        : undefined;
  }
}
