// The three forms of validate's output, and the document that lists its codes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { createReporter, type ReportFormat } from "../../host/validate/report.ts";
import { ISSUE_CODES, type Issue } from "../../host/validate/validate.ts";

const ISSUE: Issue = {
  line: 3,
  severity: "error",
  code: "E_TYPE",
  event: "msg.send",
  attribute: "clientId",
  message: 'clientId is "4", expected an integer',
};

function reported(format: ReportFormat, files: Readonly<Record<string, readonly Issue[]>>): string {
  let text = "";
  const reporter = createReporter({ format, write: (piece) => (text += piece) });
  for (const [file, issues] of Object.entries(files)) {
    reporter.begin(file);
    for (const issue of issues) reporter.issue(issue);
    const errors = issues.filter(({ severity }) => severity === "error").length;
    reporter.end({ events: 10, errors, warnings: issues.length - errors, isValid: errors === 0 });
  }
  reporter.finish();
  return text;
}

/** Reads a workflow command as GitHub's runner does. */
function commandOf(line: string): { kind: string; properties: Record<string, string>; data: string } {
  const [, kind, properties, data] = /^::(\w+) ([^:]*)::(.*)$/.exec(line)!;
  const plain = (text: string) =>
    text
      .replaceAll("%3A", ":")
      .replaceAll("%2C", ",")
      .replaceAll("%0A", "\n")
      .replaceAll("%0D", "\r")
      .replaceAll("%25", "%");
  const pairs = properties!
    .split(",")
    .map((pair) => [pair.slice(0, pair.indexOf("=")), plain(pair.slice(pair.indexOf("=") + 1))]);
  return {
    kind: kind!,
    properties: Object.fromEntries(pairs),
    data: data!.replaceAll("%0A", "\n").replaceAll("%0D", "\r").replaceAll("%25", "%"),
  };
}

describe("reports", () => {
  it("for GitHub are one command per issue and a line of counts, whatever names and messages contain", () => {
    const text = fc.string({
      unit: fc.constantFrom("a", "%", "\r", "\n", ":", ",", "::", "=", " ", "%0A", "%25", "é", "😀"),
    });
    fc.assert(
      fc.property(
        text,
        text,
        fc.constantFrom("error" as const, "warning" as const),
        fc.nat(),
        (file, message, severity, line) => {
          const lines = reported("github", { [`f${file}`]: [{ ...ISSUE, message, severity, line }] }).split("\n");
          const counts = severity === "error" ? "1 error, 0 warnings" : "0 errors, 1 warning";
          assert.deepEqual(lines.slice(1), [`1 file: 10 events, ${counts}`, ""]);
          const properties = { file: `f${file}`, line: `${line}`, title: "E_TYPE" };
          assert.deepEqual(commandOf(lines[0]!), { kind: severity, properties, data: message });
        },
      ),
    );
  });

  it("for programs are a line of JSON a file, with every issue", () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({ ...ISSUE, line: index + 1 }));
    const lines = reported("json", { "a\n.jsonl": many, b: [] }).split("\n");
    assert.deepEqual(lines.slice(1), ['{"file":"b","issues":[],"events":10,"valid":true}', ""]);
    assert.deepEqual(JSON.parse(lines[0]!), { file: "a\n.jsonl", issues: many, events: 10, valid: false });
    assert.deepEqual(Object.keys(JSON.parse(lines[0]!).issues[0]), [
      "line",
      "severity",
      "code",
      "event",
      "attribute",
      "message",
    ]);
  });

  it("for people are grouped, errors before warnings, with counts of all files", () => {
    const loss: Issue = {
      ...ISSUE,
      severity: "warning",
      code: "W_LOSS",
      attribute: "eventSeq",
      message: "3 events are missing",
    };
    assert.equal(
      reported("text", { "a.jsonl": [loss, ISSUE, { ...ISSUE, line: 9 }], "-": [] }),
      [
        "a.jsonl: 10 events, 2 errors, 1 warning",
        "  error E_TYPE msg.send: a value is of the wrong JSON type (2)",
        '    line 3: clientId is "4", expected an integer',
        '    line 9: clientId is "4", expected an integer',
        "  warning W_LOSS msg.send: events are missing (1)",
        "    line 3: 3 events are missing",
        "standard input: 10 events, 0 errors, 0 warnings",
        "2 files: 20 events, 2 errors, 1 warning",
        "",
      ].join("\n"),
    );
  });
});

describe("docs/validation.md", () => {
  it("lists every code with its meaning, and no other", () => {
    const rows = [...readFileSync("docs/validation.md", "utf8").matchAll(/^\| `([EW]_\w+)` \| (.*) \|$/gm)];
    assert.deepEqual(
      rows.map(([, code, meaning]) => [code, meaning]).sort(),
      Object.entries(ISSUE_CODES).sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  });
});
