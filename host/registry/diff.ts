/** What changed from one version of a registry to another, and what that asks of its users. */
import { type Change, type ChangeKind, ChangeList } from "./changes.ts";
import { diffAttributes } from "./diff-attributes.ts";
import { diffEvents } from "./diff-events.ts";
import { diffRecordTypes } from "./diff-records.ts";
import type { RegistryModel } from "./model.ts";
import { bumpOf } from "./semver.ts";

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
