// Changes from one version of a registry to another, as they are found.

/** "patch": words only. "minor": more than before, nothing else. "breaking": what worked with A may not with B. */
export type ChangeKind = "patch" | "minor" | "breaking";

export interface Change {
  readonly kind: ChangeKind;
  /** "attribute ip", "member reason.auth_failed", "event ws.connect", "record type 3" */
  readonly subject: string;
  /** What changed, with the values. */
  readonly message: string;
  /** Why it is of that kind. */
  readonly reason: string;
  /** What to do instead, or what users must do. "" if nothing. */
  readonly wayOut: string;
  /** No version may do it, not a major one either: it would change what released devices or traces mean. */
  readonly isForbidden: boolean;
}

/** Adds a change; `forbidden` ones are breaking. */
export class ChangeList {
  readonly changes: Change[] = [];

  patch(subject: string, message: string, reason = "it is said to people only"): void {
    this.changes.push({ kind: "patch", subject, message, reason, wayOut: "", isForbidden: false });
  }
  minor(subject: string, message: string, reason: string): void {
    this.changes.push({ kind: "minor", subject, message, reason, wayOut: "", isForbidden: false });
  }
  breaking(subject: string, message: string, reason: string, wayOut: string): void {
    this.changes.push({ kind: "breaking", subject, message, reason, wayOut, isForbidden: false });
  }
  forbidden(subject: string, message: string, reason: string, wayOut: string): void {
    this.changes.push({ kind: "breaking", subject, message, reason, wayOut, isForbidden: true });
  }
}
