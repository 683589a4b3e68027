/** What changed from one version of a registry to another, and what users have to do. */
import { type Change, type ChangeKind, ChangeList } from "./changes.ts";
import { diffAttributes } from "./diff-attributes.ts";
import { diffEvents } from "./diff-events.ts";
import { diffRecordTypes } from "./diff-records.ts";
import type { RegistryModel } from "./model.ts";
import { bumpOf } from "./semver.ts";

/**
 * Returns the changes from `a`, the older, to `b`: attributes, events, record types. The version itself does not count.
 */
export function diffRegistries(a: RegistryModel, b: RegistryModel): Change[] {
  const list = new ChangeList();
  diffAttributes(a, b, list);
  diffEvents(a, b, list);
  diffRecordTypes(a, b, list);
  return list.changes;
}

export type Bump = "none" | "patch" | "minor" | "major";
const BUMPS: readonly Bump[] = ["none", "patch", "minor", "major"];

/**
 * The smallest step of the version number that the changes require. Before 1.0.0 a minor step may break, as in
 * semver.org.
 */
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
