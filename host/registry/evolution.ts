/** What no later version of a registry may do, because devices and traces of the earlier one exist. */

import type { Change } from "./changes.ts";
import { type Bump, diffRegistries, isEnough, leastBump } from "./diff.ts";
import type { RegistryRead } from "./load.ts";
import type { Mistake, Place } from "./mistakes.ts";
import type { RegistryModel } from "./model.ts";
import { compareSemver } from "./semver.ts";

/** A registry without mistakes, and its file. */
export interface ReadFile extends RegistryRead {
  readonly file: string;
  readonly model: RegistryModel;
}

/** By version, the oldest first. */
export function byVersion(a: ReadFile, b: ReadFile): number {
  return compareSemver(a.model.schemaVersion, b.model.schemaVersion);
}

/**
 * For versions in order, the earlier versions whose promises each one must keep: the previous one of its major version;
 * and for the newest of a major version, all versions of the major version before. The first of a major version keeps
 * the promises of the first of the major version before: an addition made to that one later, 1.1.0 after 2.0.0, is made
 * to this one later as well.
 */
export function versionsBefore(versions: readonly ReadFile[], index: number): ReadFile[] {
  const major = ({ model }: ReadFile) => model.schemaVersion.split(".")[0];
  const of = major(versions[index]!);
  const before = versions.slice(0, index);
  const minor = before.findLast((older) => major(older) === of);
  const others = before.filter((older) => major(older) !== of);
  const newest = others.at(-1);
  const isNewest = !versions.slice(index + 1).some((later) => major(later) === of);
  const first = newest && others.find((older) => major(older) === major(newest));
  return [minor, isNewest ? newest : minor ? undefined : first].filter((older) => older !== undefined);
}

/**
 * Checks that `newer` has not changed the ids, codes, names, types and promises of `older`, which is released, and that
 * its version number fits the changes. The places are those in `newer`.
 */
export function checkEvolution(older: ReadFile, newer: ReadFile): Mistake[] {
  const changes = diffRegistries(older.model, newer.model);
  const mistakes = changes.filter(({ isForbidden }) => isForbidden).map((change) => mistakeOf(change, older, newer));
  const version = versionMistake(changes, older, newer);
  return [...mistakes, ...(version ? [version] : [])].sort((a, b) => a.line - b.line || a.column - b.column);
}

function mistakeOf({ subject, message, reason, wayOut }: Change, older: ReadFile, newer: ReadFile): Mistake {
  const said = `${subject}: ${message} (${older.model.schemaVersion} → ${newer.model.schemaVersion})`;
  return evolution(newer, placeOf(subject, newer), `${said}: ${reason}`, wayOut);
}

function evolution({ file }: ReadFile, place: Place, message: string, fix: string): Mistake {
  return { file, ...place, code: "E_EVOLUTION", message, fix };
}

/** For something that is gone: where it would be. */
function placeOf(subject: string, { places }: ReadFile): Place {
  const attribute = /^member (.*)\.[^.]*$/.exec(subject)?.[1];
  const section = /^(attribute|member)/.test(subject) ? "attributes" : "events";
  const candidates = [subject, ...(attribute === undefined ? [] : [`attribute ${attribute}`]), section];
  for (const candidate of candidates) {
    const place = places.get(candidate);
    if (place) return place;
  }
  return { line: 1, column: 1 };
}

function versionMistake(changes: readonly Change[], older: ReadFile, newer: ReadFile): Mistake | undefined {
  const [from, to] = [older.model.schemaVersion, newer.model.schemaVersion];
  const place = placeOf("version", newer);
  if (compareSemver(from, to) > 0)
    return evolution(newer, place, `version ${to} comes before ${from} (${older.file})`, "give it a later one");
  const least = leastBump(changes, from);
  if (isEnough(from, to, least)) return undefined;
  const change = changes.find(({ kind }) => leastKind(kind, from) === least)!;
  const what = `${change.subject}: ${change.message}`;
  return evolution(
    newer,
    place,
    `version ${to} after ${from}, but the changes are ${least} (${what})`,
    stepFix(from, least),
  );
}

const leastKind = (kind: Change["kind"], from: string): Bump =>
  kind === "breaking" ? (from.startsWith("0.") ? "minor" : "major") : kind;

function stepFix(from: string, least: Bump): string {
  const [major = 0, minor = 0, patch = 0] = from.split(/[-+]/)[0]!.split(".").map(Number);
  const next =
    least === "major"
      ? `${major + 1}.0.0`
      : least === "minor"
        ? `${major}.${minor + 1}.0`
        : `${major}.${minor}.${patch + 1}`;
  return `write ${next} or later`;
}
