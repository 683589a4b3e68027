// Measurements made by hand in a linked image are in the documents as in the data, and agree on allocation with what the tests measure.
import { equal, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { readBudgets } from "./budgets.ts";
import { linkedReadmeLine, linkedSections } from "./document.ts";
import { LINKED_FILE, linkedSource, readLinked } from "./linked.ts";
import { nameOf, sameCase } from "./rows.ts";

const linked = readLinked();

describe("figures of a linked image", () => {
  it("say which engine, which SDK and which day they are of", () => {
    ok(
      /^XS \d+\.\d+, in an image linked by Moddable SDK \d+\.\d+\.\d+, measured by hand on \d{4}-\d\d-\d\d$/.test(
        linkedSource(linked),
      ),
    );
    ok(linked.how.join(" ").includes("xsl"), "how");
  });

  it("are in docs/performance.md and in the README as in the data: npm run bench -- linked", () => {
    const document = readFileSync("docs/performance.md", "utf8");
    for (const [name, content] of Object.entries(linkedSections(linked)))
      ok(document.includes(`<!-- generated: ${name} -->\n\n${content}\n\n<!-- end -->`), name);
    const readme = readFileSync("README.md", "utf8");
    ok(readme.split("\n").includes(linkedReadmeLine(linked)), linkedReadmeLine(linked));
  });

  it("are of the same allocated bytes as those that the tests measure", () => {
    const { calls } = readBudgets();
    let compared = 0;
    for (const row of linked.rows) {
      const call = calls.find((each) => sameCase(each, row));
      if (!call) continue;
      compared++;
      equal(
        row.allocatedBytes,
        call.allocatedBytes,
        `${nameOf(row)}: ${LINKED_FILE} is of another time: measure it anew`,
      );
    }
    ok(compared >= 25, `${compared} compared`);
  });
});
