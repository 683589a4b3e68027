// Declares the cases of specs that run inside the real engine: each file of specs in its own process or machine.
import { ok } from "node:assert/strict";
import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { isFull, ran, seed } from "./campaign.ts";
import { bundleForXs, type EngineName, engine, type Variant } from "./xs.ts";

const inFolder = (folder: string) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".spec.ts"))
    .map((name) => `./${folder}/${name}`);

/** Specs that run in Node too. */
export const SHARED_SPECS = inFolder("test/xs");
/** Specs for the engine alone. */
export const ENGINE_SPECS = inFolder("test/engine");
export const HOSTILE_SPECS = ENGINE_SPECS.filter((spec) => /\/hostile[\w-]*\.spec\.ts$/.test(spec));
export const MODEL_SPEC = "./test/xs/model.spec.ts";
/** The host's options where AddressSanitizer keeps what was freed. */
export const ROOM = ["--limit", "8000000000"];

/** Lines of the harness: the result of a case, the work of a campaign, and all others. */
function sorted(lines: readonly string[]) {
  const cases: { title: string; error: string }[] = [];
  const campaigns: { campaign: string; count: number }[] = [];
  const others: string[] = [];
  for (const line of lines) {
    let said: Record<string, unknown> = {};
    try {
      said = JSON.parse(line);
    } catch {
      // Something else has written it.
    }
    const { title, error, campaign, count } = said ?? {};
    if (typeof title === "string" && typeof error === "string") cases.push({ title, error });
    else if (typeof campaign === "string" && typeof count === "number") campaigns.push({ campaign, count });
    else others.push(line);
  }
  return { cases, campaigns, others };
}

export interface XsRun {
  engine: EngineName;
  variant: Variant;
  specs: readonly string[];
  /** Options of the host. */
  options?: readonly string[];
}

/** Runs the specs, and declares a case for each of theirs. Titles name the engine, and whether it was emulated. */
export async function declareXsCases({ engine: name, variant, specs, options = [] }: XsRun): Promise<void> {
  ok(specs.length > 0, "there are specs");
  const isStressed = options.includes("--stress");
  const { title, isSlow, run } = await engine(name, variant);
  const args = [variant, isStressed ? "stress" : "", isFull ? "full" : "usual", `${seed}`, isSlow ? "slow" : "fast"];
  const where = `inside XS, ${title}${isStressed ? ", a collection before each allocation" : ""}: emitter ${variant}`;
  for (const spec of specs) {
    const contents = `import { run } from "./test/support/xs-harness.ts";\nimport ${JSON.stringify(spec)};\nawait run();\n`;
    const file = `dist/xs/specs/${name}-${variant}${isStressed ? "-stress" : ""}-${basename(spec, ".spec.ts")}.js`;
    const { status, stdout, stderr } = await run(
      await bundleForXs({ contents, resolveDir: process.cwd() }, file, variant),
      args,
      options,
    );
    const { cases, campaigns, others } = sorted(stdout.trim().split("\n"));
    for (const { campaign, count } of campaigns) ran(campaign, count, `XS, ${title}`);
    // All but the last line is a case, or tells of a campaign.
    const isWhole = status === 0 && cases.length > 0 && others.join() === `{"cases":${cases.length}}`;
    const last = cases.at(-1)?.title ?? "none";
    describe(`${where}: ${spec.slice("./test/".length)}`, () => {
      it("runs every case to the end", () => {
        ok(
          isWhole,
          `exit ${status} after ${cases.length} cases, the last one "${last}"\n${others.join("\n")}\n${stderr}`,
        );
      });
      for (const { title, error } of cases)
        it(title, () => {
          if (error !== "") throw new Error(error);
        });
    });
  }
}
