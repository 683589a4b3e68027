/** What changed from one version of a registry to another, and what that asks of its users. */
import { diffAttributes } from "./diff-attributes.ts";
import { diffEvents } from "./diff-events.ts";
import { diffRecordTypes } from "./diff-records.ts";
import type { RegistryModel } from "./model.ts";
import { bumpOf } from "./semver.ts";

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

/** Changes from `a`, the older, to `b`: attributes, events, record types. The version itself is none. */
export function diffRegistries(a: RegistryModel, b: RegistryModel): Change[] {
  const list = new ChangeList();
  diffAttributes(a, b, list);
  diffEvents(a, b, list);
  diffRecordTypes(a, b, list);
  return list.changes;
}

export type Bump = "none" | "patch" | "minor" | "major";
const BUMPS: readonly Bump[] = ["none", "patch", "minor", "major"];

/** The least step of the version that the changes ask for. Before 1.0.0 a minor step may break, as semver.org has it. */
export function leastBump(changes: readonly Change[], version: string): Bump {
  const has = (kind: ChangeKind) => changes.some((change) => change.kind === kind);
  if (has("breaking")) return version.startsWith("0.") ? "minor" : "major";
  if (has("minor")) return "minor";
  return changes.length > 0 ? "patch" : "none";
}

/** Whether the step from one version to the other is at least that. */
export function isEnough(from: string, to: string, least: Bump): boolean {
  return BUMPS.indexOf(bumpOf(from, to)) >= BUMPS.indexOf(least);
}
