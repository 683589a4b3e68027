/**
 * Moves events from one schema version to another, line by line. The registries say which attribute becomes which.
 * Values keep their spelling, so that a number of any size or form stays as it is.
 */

import type { RegistryModel } from "../registry/model.ts";
import { type Problem, TelemetryError } from "../text/errors.ts";
import {
  type FaultyLine,
  invalidUtf8Offset,
  LineSplitter,
  MAX_LINE_BYTES,
  quote,
  quotedList,
  visible,
} from "../text/lines.ts";
import { type Members, migrateEvent, type Refusal, shown } from "./event.ts";
import { readMembers, stringOf } from "./json-members.ts";
import { keyFrom, type MigrationStep, migrationStep } from "./steps.ts";

export interface MigrateOptions {
  /** The schema version of the result. */
  readonly to: string;
  /** All versions that the lines may have, and those between them: one model each, oldest first. */
  readonly registries: readonly RegistryModel[];
}

/** The results of migrating, in the order of the lines: lines, each ended by "\n", or a problem. */
export type MigrateItem =
  | { readonly kind: "lines"; readonly lines: string; readonly count: number }
  | { readonly kind: "problem"; readonly problem: Problem };

/**
 * Brings JSON lines to a schema version. A line that already has it stays as it is. Others become JSON without spaces,
 * attributes in the registry's order, undeclared ones after them. A line that would lose something is not written, and
 * becomes a problem E_…; the rest continues. W_DUPLICATE: the line was migrated, without the values that do not count.
 * Throws TelemetryError E_VERSION (exit code 2) if `to` is unknown. The result fails only if the source fails. Memory:
 * one line, and the results of one chunk of the source.
 */
export function migrate(
  source: AsyncIterable<Uint8Array>,
  { to, registries }: MigrateOptions,
): AsyncGenerator<MigrateItem, void, undefined> {
  const target = registries.find(({ schemaVersion }) => schemaVersion === to);
  if (target === undefined) {
    const known = quotedList(registries.map(({ schemaVersion }) => schemaVersion));
    throw new TelemetryError("E_VERSION", `schema version ${quote(to)} is unknown; known: ${known}`, 2);
  }
  return migrateLines(source, new Migrator(registries, target));
}

async function* migrateLines(
  source: AsyncIterable<Uint8Array>,
  migrator: Migrator,
): AsyncGenerator<MigrateItem, void, undefined> {
  const splitter = new LineSplitter(migrator);
  for await (const chunk of source) {
    splitter.push(chunk);
    yield* migrator.take();
  }
  splitter.end();
  migrator.end();
  yield* migrator.take();
}

/** A version that lines may have, and the step from there to the target. */
interface Version {
  readonly schemaVersion: string;
  readonly versionKey: string;
  /** Undefined: it is the target. */
  readonly step: MigrationStep | undefined;
}

class Migrator {
  readonly #versions: readonly Version[];
  #items: MigrateItem[] = [];
  #lines = "";
  #count = 0;
  #hasLines = false;

  constructor(registries: readonly RegistryModel[], target: RegistryModel) {
    const targetIndex = registries.indexOf(target);
    this.#versions = registries.map((registry, index) => ({
      schemaVersion: registry.schemaVersion,
      versionKey: keyFrom(registry, "schema_version"),
      step: registry === target ? undefined : migrationStep(registry, target, index < targetIndex ? target : registry),
    }));
  }

  line(text: string, line: number, offsetBytes: number): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch (error) {
      if (text.trim() === "") return;
      const said = visible((error as Error).message);
      this.#refuse(
        { code: "E_JSON", message: `the line is not JSON: ${said}; it is ${quote(text)}` },
        line,
        offsetBytes,
      );
      return;
    }
    this.#hasLines = true;
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
      const message = `the line is ${quote(text)}, expected a JSON object`;
      this.#refuse({ code: "E_NOT_OBJECT", message }, line, offsetBytes);
      return;
    }
    const { values, repeated } = readMembers(text);
    const outcome = this.#migrated(values, text);
    if (typeof outcome !== "string") {
      this.#refuse(outcome, line, offsetBytes);
      return;
    }
    if (repeated !== undefined && outcome !== text) {
      const message = `${quote(repeated)} occurs more than once: the last value counts, as in JSON.parse; the others are left out`;
      this.#refuse({ code: "W_DUPLICATE", message }, line, offsetBytes);
    }
    this.#lines += `${outcome}\n`;
    this.#count += 1;
  }

  fault({ number, offsetBytes, fault, lengthBytes, bytes }: FaultyLine): void {
    if (fault === "too-long") {
      const message = `the line has ${lengthBytes} bytes, expected at most ${MAX_LINE_BYTES}: it was skipped`;
      this.#refuse({ code: "E_LINE_LENGTH", message }, number, offsetBytes);
    } else {
      const at = invalidUtf8Offset(bytes);
      const found = at < bytes.length ? `0x${bytes[at]!.toString(16).padStart(2, "0")}` : "the end";
      const message = `the line is not UTF-8: ${found} at byte ${offsetBytes + at}`;
      this.#refuse({ code: "E_UTF8", message }, number, offsetBytes);
    }
  }

  end(): void {
    if (!this.#hasLines)
      this.#refuse({ code: "E_EMPTY", message: "no event in it, expected one JSON object per line" });
  }

  take(): MigrateItem[] {
    this.#endLines();
    const items = this.#items;
    this.#items = [];
    return items;
  }

  #migrated(line: Members, text: string): string | Refusal {
    const version = this.#versionOf(line);
    if ("code" in version) return version;
    if (version.step === undefined) return text;
    const members = migrateEvent(version.step, line);
    return "code" in members ? members : textOf(members);
  }

  #versionOf(line: Members): Version | Refusal {
    for (const version of this.#versions)
      if (stringOf(line.get(version.versionKey)) === version.schemaVersion) return version;
    const expected = `a known version: ${quotedList(this.#versions.map(({ schemaVersion }) => schemaVersion))}`;
    const { versionKey } = this.#versions.at(-1)!;
    const value = line.get(versionKey);
    if (value === undefined)
      return { code: "E_MISSING", message: `${versionKey} is missing, expected ${expected}`, attribute: versionKey };
    return {
      code: stringOf(value) === undefined ? "E_TYPE" : "E_VERSION",
      message: `${versionKey} is ${shown(value)}, expected ${expected}`,
      attribute: versionKey,
    };
  }

  #refuse({ code, message, attribute }: Refusal, line?: number, offsetBytes?: number): void {
    this.#hasLines = true;
    this.#endLines();
    const problem: Problem = {
      code,
      message,
      ...(line !== undefined && { line }),
      ...(offsetBytes !== undefined && { offsetBytes }),
      ...(attribute !== undefined && { attribute }),
    };
    this.#items.push({ kind: "problem", problem });
  }

  #endLines(): void {
    if (this.#count === 0) return;
    this.#items.push({ kind: "lines", lines: this.#lines, count: this.#count });
    this.#lines = "";
    this.#count = 0;
  }
}

function textOf(members: Members): string {
  let text = "";
  for (const [key, value] of members)
    text += `${text === "" ? "{" : ","}${PLAIN.test(key) ? `"${key}"` : JSON.stringify(key)}:${value}`;
  return text === "" ? "{}" : `${text}}`;
}

/** A name that JSON spells as it is. */
const PLAIN = /^[\w.]*$/;
