import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { loadRegistry, readRegistry } from "../../host/registry/load.ts";
import { formatMistake, MISTAKE_CODES } from "../../host/registry/mistakes.ts";
import { SCAFFOLD } from "../../host/registry/scaffold.ts";
import { readRegistryCases } from "../support/registry-cases.ts";
import { SMALL_REGISTRY } from "../support/small-registry.ts";

const told = (text: string): string[] => readRegistry(text, "my.yaml").mistakes.map(formatMistake);

describe("a registry", () => {
  it("with one of everything has no mistake", () => {
    const { model, mistakes } = readRegistry(SMALL_REGISTRY, "my.yaml");
    deepEqual(mistakes, []);
    equal(model?.schemaVersion, "1.2.3");
  });

  it("may be written with CRLF, a byte order mark, and without a last line end", () => {
    const { fingerprint } = loadRegistry(SMALL_REGISTRY, "my.yaml");
    for (const text of [SMALL_REGISTRY.replaceAll("\n", "\r\n"), `\ufeff${SMALL_REGISTRY}`, SMALL_REGISTRY.trimEnd()])
      equal(loadRegistry(text, "my.yaml").fingerprint, fingerprint);
    const broken = SMALL_REGISTRY.replace("key: percent", "key: 7").replaceAll("\n", "\r\n");
    match(told(`\ufeff${broken}`)[0]!, /^my\.yaml:58:10: E_VALUE/);
    match(told("\ufeffwrong: 1").join("\n"), /^my\.yaml:1:1: E_KEY/m);
  });

  it("may have annotations of other tools, and Weaver's other signals", () => {
    const text = SMALL_REGISTRY.replace(
      "otel: { name: reading }",
      "otel: { name: reading }\n      my_tool: { level: 1 }",
    );
    ok(text !== SMALL_REGISTRY);
    deepEqual(told(`${text}metrics: []\n`), []);
  });

  it("without an attribute that every event needs is told what it lacks, once", () => {
    const text = SMALL_REGISTRY.replace("wire: { from: sequence }", "wire: { type: u32, offset_bits: 256 }");
    const missing = "no attribute is from: sequence, which every event carries; add one with wire: { from: sequence }";
    deepEqual(told(text), [`my.yaml:3:3: E_MISSING: attributes: ${missing}`]);
  });

  it("shows all its mistakes at once, by place", () => {
    const text = SMALL_REGISTRY.replace("brief: Time since boot.", "breif: Time since boot.")
      .replace("key: percent", "key: 7")
      .replace("{ id: 10 }", "{ id: 999 }");
    deepEqual(
      readRegistry(text, "my.yaml").mistakes.map(({ line, column, code }) => [line, column, code]),
      [
        [8, 5, "E_MISSING"],
        [11, 5, "E_KEY"],
        [58, 10, "E_VALUE"],
        [139, 16, "E_REFERENCE"],
        [166, 36, "E_VALUE"],
      ],
    );
    throws(() => loadRegistry(text, "my.yaml"), {
      code: "E_REGISTRY_FILE",
      exitCode: 1,
      message: told(text).join("\n"),
    });
  });

  it("has a hundred mistakes named, and the rest counted", () => {
    const text = SMALL_REGISTRY + Array.from({ length: 250 }, (_, index) => `wrong${index}: 1\n`).join("");
    const { mistakes, mistakeCount } = readRegistry(text, "my.yaml");
    deepEqual([mistakes.length, mistakeCount], [100, 250]);
    throws(() => loadRegistry(text, "my.yaml"), /wrong99.*\n… and 150 more$/);
  });
});

describe("a mistake in a registry", () => {
  const cases = readRegistryCases("test/registry/mistakes.txt");
  ok(cases.length > 90);
  for (const kind of new Set(cases.map((each) => each.kind))) {
    describe(kind, () => {
      for (const { told: said, text, place } of cases.filter((each) => each.kind === kind)) {
        it(`is told alone, at its place: ${said.join()}`, () => {
          const [code, ...rest] = said.join().split(" ");
          deepEqual(told(text), [`my.yaml:${place}: ${code}: ${rest.join(" ")}`]);
        });
      }
    });
  }
});

describe("docs/registry-syntax.md", () => {
  it("explains each code of a mistake", () => {
    const document = readFileSync("docs/registry-syntax.md", "utf8");
    const rows = Object.entries(MISTAKE_CODES).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
    ok(document.includes(rows.join("\n")));
  });

  it("has record types that an event may have", () => {
    const [example] = /record_types:\n.*?(?=```)/s.exec(readFileSync("docs/registry-syntax.md", "utf8"))!;
    const [wanted] = /record_types: \[.*?\]/.exec(SCAFFOLD)!;
    deepEqual(parse(example), parse(wanted));
  });
});
