import picocolors from "picocolors";
import type { Change, ChangeKind } from "../registry/changes.ts";
import { diffRegistries, isEnough, leastBump } from "../registry/diff.ts";
import { loadRegistry } from "../registry/load.ts";
import type { RegistryModel } from "../registry/model.ts";
import { TelemetryError } from "../text/errors.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import type { Context } from "./context.ts";
import { readSource } from "./registry-files.ts";

const KINDS: readonly ChangeKind[] = ["breaking", "minor", "patch"];

export async function runDiff(old: string, later: string, context: Context): Promise<void> {
  if (old === "-" && later === "-")
    throw new TelemetryError("E_USAGE", "standard input can only be read once: name - once", 2);
  const a = loadRegistry(await readSource(old), nameOf(old));
  const b = loadRegistry(await readSource(later), nameOf(later));
  const changes = diffRegistries(a, b);
  const colors = picocolors.createColors(context.hasColor);
  const paint = { breaking: colors.red, minor: colors.yellow, patch: colors.green };
  for (const kind of KINDS)
    for (const change of changes.filter((each) => each.kind === kind))
      context.output.write(`${paint[kind](kind)}: ${colors.bold(change.subject)}: ${visible(textOf(change))}\n`);
  for (const line of summary(a, b, changes)) context.output.write(`${line}\n`);
}

function textOf({ message, reason, wayOut, isForbidden }: Change): string {
  const never = isForbidden ? "; no version may do this" : "";
  return `${message}: ${reason}${never}${wayOut === "" ? "" : `; ${wayOut}`}`;
}

function summary(a: RegistryModel, b: RegistryModel, changes: readonly Change[]): string[] {
  const counts = KINDS.map((kind) => `${changes.filter((change) => change.kind === kind).length} ${kind}`).join(", ");
  const [from, to] = [a.schemaVersion, b.schemaVersion];
  const least = leastBump(changes, from);
  const isWide = isEnough(from, to, least);
  const step = least === "none" ? "the version may stay" : `the version needs a ${least} step`;
  const taken = from === to ? `both are ${from}` : `${from} to ${to} is ${isWide ? "enough" : "not enough"}`;
  const wire =
    a.fingerprint === b.fingerprint
      ? "The records are the same: packets of either version can be read as the other."
      : "The records differ, and so does the fingerprint: named together, each version reads what it knows of the other's packets.";
  return [`${counts}: ${least === "none" ? step : `${step}; ${taken}`}`, wire];
}
