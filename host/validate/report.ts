/** The output of validate in its three forms: text for people, JSON for programs, annotations for GitHub. */
import picocolors from "picocolors";
import { visible } from "../text/lines.ts";
import { type EventPlace, ISSUE_CODES, type Issue, type IssueCode } from "./issues.ts";
import type { BootLosses } from "./sequence.ts";

export const REPORT_FORMATS = ["text", "json", "github"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** The result for a file. */
export interface FileResult {
  readonly events: number;
  readonly errors: number;
  readonly warnings: number;
  /** No errors, and read to its end. */
  readonly isValid: boolean;
  /** Missing events, boot by boot; `cause`: where they were lost, if known. Text prints this instead of each gap. */
  readonly losses?: readonly (BootLosses & { readonly cause?: string })[];
}

/** Call `begin`, `issue`…, `end` for each file, then `finish` once. Passes text to `write` as it comes. */
export interface Reporter {
  begin(file: string): void;
  issue(issue: Issue): void;
  end(result: FileResult): void;
  finish(): void;
}

export interface ReportOptions {
  readonly format: ReportFormat;
  readonly write: (text: string) => void;
  /** Colours in text. Default false. */
  readonly color?: boolean;
}

/**
 * Writes what was found, file by file, for people, programs or GitHub; holds a bounded number of issues. Fails as
 * write() fails.
 */
export function createReporter(options: ReportOptions): Reporter {
  switch (options.format) {
    case "json":
      return new JsonReporter(options.write);
    case "github":
      return new GithubReporter(options.write);
    case "text":
      return new TextReporter(options.write, options.color ?? false);
  }
}

/** One line per file. The issues come first, as they are found: nothing is held back, so memory does not grow. */
class JsonReporter implements Reporter {
  readonly #write: (text: string) => void;
  #isFirst = true;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  begin(file: string): void {
    this.#isFirst = true;
    this.#write(`{"file":${JSON.stringify(file)},"issues":[`);
  }

  issue({ line, severity, code, event, attribute, message, place }: Issue): void {
    const text = JSON.stringify({ line, severity, code, event, attribute, message, ...place });
    this.#write(this.#isFirst ? text : `,${text}`);
    this.#isFirst = false;
  }

  end({ events, isValid }: FileResult): void {
    this.#write(`],"events":${events},"valid":${isValid}}\n`);
  }

  finish(): void {}
}

/** Workflow commands: one annotation per issue. GitHub shows ten of a kind and step, so counts follow them all. */
class GithubReporter implements Reporter {
  readonly #write: (text: string) => void;
  readonly #total = new Total();
  #file = "";
  #gaps: Issue[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  begin(file: string): void {
    this.#file = file;
  }

  issue(issue: Issue): void {
    // One line per boot, at the end, if the caller reports losses.
    if (issue.code !== "W_LOSS") this.#write(annotation(this.#file, issue));
    else if (this.#gaps.length < MOST_GROUPS) this.#gaps.push(issue);
  }

  end(result: FileResult): void {
    const losses = (result.losses ?? []).map((loss) => ({
      ...loss,
      message: lossText(loss),
      severity: "warning" as const,
      code: "W_LOSS",
    }));
    for (const each of losses.length > 0 ? losses : this.#gaps) this.#write(annotation(this.#file, each));
    this.#gaps = [];
    this.#total.add(result);
  }

  finish(): void {
    const { files, events, errors, warnings } = this.#total;
    const counts = [counted(events, "event"), counted(errors, "error"), counted(warnings, "warning")];
    this.#write(`${counted(files, "file")}: ${counts.join(", ")}\n`);
  }
}

function annotation(
  path: string,
  {
    line,
    severity,
    code,
    message,
    place: inRecording,
  }: Pick<Issue, "line" | "severity" | "code" | "message" | "place">,
): string {
  const shown = inRecording === undefined ? "" : placeText(inRecording);
  const where = shown === "" ? "" : `${shown}: `;
  const place = `file=${githubProperty(path)},line=${line},title=${githubProperty(code)}`;
  return `::${severity} ${place}::${githubData(`${where}${message}`)}\n`;
}

function githubData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function githubProperty(text: string): string {
  return githubData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/** Issues of one kind: the same code, event and attribute. */
interface Group {
  readonly first: Issue;
  readonly shown: Issue[];
  count: number;
}

/** The most that text shows of a file; the rest is counted. Limits the memory that hostile lines can demand. */
const MOST_GROUPS = 100;
const MOST_LINES = 20;

class TextReporter implements Reporter {
  readonly #write: (text: string) => void;
  readonly #colors: ReturnType<typeof picocolors.createColors>;
  readonly #total = new Total();
  #file = "";
  #groups = new Map<string, Group>();
  #ungrouped = 0;

  constructor(write: (text: string) => void, color: boolean) {
    this.#write = write;
    this.#colors = picocolors.createColors(color);
  }

  begin(file: string): void {
    this.#file = file;
    this.#groups = new Map();
    this.#ungrouped = 0;
  }

  issue(issue: Issue): void {
    const key = JSON.stringify([issue.code, issue.event, issue.attribute]);
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size === MOST_GROUPS) {
        this.#ungrouped += 1;
        return;
      }
      group = { first: issue, shown: [], count: 0 };
      this.#groups.set(key, group);
    }
    group.count += 1;
    if (group.shown.length < MOST_LINES) group.shown.push(issue);
  }

  end(result: FileResult): void {
    const { bold, dim } = this.#colors;
    this.#total.add(result);
    this.#write(`${bold(this.#file === "-" ? "standard input" : visible(this.#file))}: ${this.#counts(result)}\n`);
    const bySeverity = (severity: string) =>
      [...this.#groups.values()].filter(({ first }) => first.severity === severity);
    const losses = result.losses ?? [];
    for (const group of [...bySeverity("error"), ...bySeverity("warning")])
      if (group.first.code !== "W_LOSS" || losses.length === 0) this.#writeGroup(group);
    this.#writeLosses(losses);
    if (this.#ungrouped > 0) {
      this.#write(dim(`  … and ${this.#ungrouped} issues of other kinds; --format json lists every one\n`));
    }
  }

  finish(): void {
    const { files } = this.#total;
    if (files > 1) this.#write(`${this.#colors.bold(`${files} files`)}: ${this.#counts(this.#total)}\n`);
  }

  #writeGroup({ first, shown, count }: Group): void {
    const { bold, dim, red, yellow } = this.#colors;
    const severity = first.severity === "error" ? red("error") : yellow("warning");
    const meaning = first.code in ISSUE_CODES ? `: ${ISSUE_CODES[first.code as IssueCode]}` : "";
    const event = first.event === null ? "" : ` ${visible(first.event)}`;
    this.#write(`  ${severity} ${bold(first.code)}${event}${meaning} ${dim(`(${count})`)}\n`);
    for (const { line, message, place } of shown) {
      // Damage states its place itself.
      const where = place === undefined ? `line ${line}` : placeText(place);
      this.#write(`    ${where === "" ? "" : `${where}: `}${message}\n`);
    }
    if (count > shown.length) {
      this.#write(dim(`    … and ${count - shown.length} more; --format json lists every one\n`));
    }
  }

  #writeLosses(losses: NonNullable<FileResult["losses"]>): void {
    if (losses.length === 0) return;
    const { bold, dim, yellow } = this.#colors;
    const gaps = losses.reduce((sum, loss) => sum + loss.gaps, 0);
    this.#write(`  ${yellow("warning")} ${bold("W_LOSS")}: ${ISSUE_CODES.W_LOSS} ${dim(`(${gaps})`)}\n`);
    for (const loss of losses.slice(0, MOST_LINES)) this.#write(`    ${lossText(loss)}\n`);
    const more = losses.length - MOST_LINES;
    if (more > 0) this.#write(dim(`    … and in ${more} more boots; --format json lists every gap\n`));
  }

  #counts({ events, errors, warnings }: Pick<FileResult, "events" | "errors" | "warnings">): string {
    const { green, red, yellow } = this.#colors;
    const errorText = counted(errors, "error");
    const warningText = counted(warnings, "warning");
    const parts = [errors > 0 ? red(errorText) : green(errorText), warnings > 0 ? yellow(warningText) : warningText];
    return [counted(events, "event"), ...parts].join(", ");
  }
}

/** The sum over all files. */
class Total {
  files = 0;
  events = 0;
  errors = 0;
  warnings = 0;

  add({ events, errors, warnings }: FileResult): void {
    this.files += 1;
    this.events += events;
    this.errors += errors;
    this.warnings += warnings;
  }
}

/** `pump-7 boot 1: 1,214 of 2,680 events lost on the device, in 65 gaps`. */
function lossText({
  device,
  boot,
  reader,
  missing,
  total,
  gaps,
  cause = "missing",
}: BootLosses & { cause?: string }): string {
  const place = placeText({
    ...(device !== undefined && { device }),
    ...(boot !== undefined && { boot }),
  });
  const whose = `${place}${reader === undefined ? "" : `, reader ${reader}`}`;
  return `${whose === "" ? "" : `${whose}: `}${number(missing)} of ${number(total)} events ${cause}, in ${counted(gaps, "gap")}`;
}

/** `pump-7 boot 2, eventSeq 817, 2026-11-28T03:54:15.123Z`. */
function placeText({ device, boot, eventSeq, timeMs, time }: EventPlace): string {
  const whose = [device === undefined ? "" : visible(device), boot === undefined ? "" : `boot ${boot}`];
  const when = time ?? (timeMs === undefined ? "" : `${timeMs} ms`);
  const parts = [
    whose.filter((part) => part !== "").join(" "),
    eventSeq === undefined ? "" : `eventSeq ${eventSeq}`,
    when,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** 1,214 */
function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** "1 event", "2 events". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
