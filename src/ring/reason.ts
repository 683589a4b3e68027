import { REASON_AUTH_FAILED, REASON_PARSE_ERROR, REASON_RATE_LIMIT, REASON_SIZE_LIMIT } from "../generated/layout.ts";

/** Why a message was rejected: the four reasons of the registry. */
export const Reason = Object.freeze({
  /** Rate limiting. */
  rateLimit: REASON_RATE_LIMIT,
  /** Size limit. */
  sizeLimit: REASON_SIZE_LIMIT,
  /** JSON parse error. */
  parseError: REASON_PARSE_ERROR,
  /** Authentication failure. */
  authFailed: REASON_AUTH_FAILED,
} as const);

export type Reason = (typeof Reason)[keyof typeof Reason];

/** Whether a value is one of the four; never throws. */
export function isReason(value: unknown): value is Reason {
  return (
    value === REASON_RATE_LIMIT ||
    value === REASON_SIZE_LIMIT ||
    value === REASON_PARSE_ERROR ||
    value === REASON_AUTH_FAILED
  );
}
