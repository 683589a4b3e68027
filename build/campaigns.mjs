/**
 * Sums up what campaigns have done, and records it in docs/testing.md. Specs report it with `ran()` of test/support/campaign.ts: a line of
 * JSON each, `{ campaign, count, where }`, in the file that XS_TELEMETRY_TALLY names.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const DOCUMENT = "docs/testing.md";
const BEGIN = "<!-- begin of the record: npm run test:full -- --record writes it -->";
const END = "<!-- end of the record -->";
const COLUMNS = ["Node", "XS, 64 bits", "XS, sanitizers", "XS, RV32"];

/** Column of a place, as engines name it in test/support/xs.ts. */
function columnOf(where) {
  if (where === "Node") return 0;
  if (where.includes("Sanitizer")) return 2;
  return where.includes("RV32") ? 3 : 1;
}

/** Sums of each campaign, by column. */
export function readTally(file) {
  const campaigns = new Map();
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  for (const line of lines.filter((text) => text !== "")) {
    const { campaign, count, where } = JSON.parse(line);
    const counts = campaigns.get(campaign) ?? COLUMNS.map(() => 0);
    counts[columnOf(where)] += count;
    campaigns.set(campaign, counts);
  }
  return new Map([...campaigns].sort(([a], [b]) => (a < b ? -1 : 1)));
}

const shown = (count) => count.toLocaleString("en");

/** For people: a line for each campaign, with its totals. */
export function tallyLines(campaigns) {
  return [...campaigns].map(([campaign, counts]) => {
    const parts = COLUMNS.flatMap((name, column) => (counts[column] > 0 ? [`${name}: ${shown(counts[column])}`] : []));
    const sum = counts.reduce((all, count) => all + count, 0);
    return `${shown(sum).padStart(13)} ${campaign} (${parts.join("; ")})`;
  });
}

/**
 * Writes what a full run did into the document. The last record stays for each campaign, or place, that was not part of the run, and so
 * does its commit: a row whose places ran at several commits names all of them, the latest last.
 */
export function record(campaigns, { seed, passed, failures, seconds, names }) {
  const text = readFileSync(DOCUMENT, "utf8");
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no "${BEGIN}" before "${END}"`);
  const rows = new Map();
  for (const line of text
    .slice(begin, end)
    .split("\n")
    .filter((row) => row.startsWith("| "))
    .slice(2)) {
    const [campaign, ...cells] = line.slice(2, -2).split(" | ");
    const counts = COLUMNS.map((_, column) => cells[column] ?? "");
    rows.set(campaign, { counts, commits: (cells[COLUMNS.length] ?? "").split(", ").filter((name) => name !== "") });
  }
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  for (const [campaign, now] of campaigns) {
    const before = rows.get(campaign) ?? { counts: COLUMNS.map(() => ""), commits: [] };
    const isKept = (_, column) => before.counts[column] !== "" && now[column] === 0;
    const commits = COLUMNS.some(isKept) ? before.commits.filter((name) => name !== commit) : [];
    rows.set(campaign, {
      counts: now.map((count, column) => (count > 0 ? shown(count) : before.counts[column])),
      commits: [...commits, commit],
    });
  }
  const what = names.length > 0 ? `The last run, of ${names.join(", ")}` : "The last run, of everything";
  const found = failures.length === 0 ? "nothing failed" : `${failures.length} failed:`;
  const block = [
    `${what}, took ${Math.ceil(seconds / 60)} minutes at commit ${commit}, seed ${seed}: ${shown(passed)} cases passed, ${found}${failures.length === 0 ? "." : ""}`,
    ...failures.map((failure) => `- \`${failure.split("\n")[0].replaceAll("`", "'")}\``),
    "",
    `| Campaign | ${COLUMNS.join(" | ")} | Commit |`,
    `| --- |${" ---: |".repeat(COLUMNS.length)} --- |`,
    ...[...rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([campaign, { counts, commits }]) => `| ${campaign} | ${counts.join(" | ")} | ${commits.join(", ")} |`),
  ];
  writeFileSync(DOCUMENT, `${text.slice(0, begin)}${BEGIN}\n${block.join("\n")}\n${text.slice(end)}`);
}
