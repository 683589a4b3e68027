// Changes from one version of a registry to another, as they are found.

/** "patch": wording only. "minor": additions only. "breaking": what worked with A may not work with B. */
export type ChangeKind = "patch" | "minor" | "breaking";

export interface Change {
  readonly kind: ChangeKind;
  /** "attribute ip", "member reason.auth_failed", "event ws.connect", "record type 3" */
  readonly subject: string;
  /** What changed, with the values. */
  readonly message: string;
  /** Why it is of that kind. */
  readonly reason: string;
  /** The alternative, or what users must do. "" if nothing. */
  readonly wayOut: string;
  /** No version may do this, not even a major one: it would change the meaning of released devices or traces. */
  readonly isForbidden: boolean;
}

/** Adds a change; a `forbidden` one is breaking. */
export class ChangeList {
  readonly changes: Change[] = [];

  patch(subject: string, message: string, reason = "only people read it"): void {
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
