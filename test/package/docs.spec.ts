// Code in documents is run, type-checked or looked up: what a reader copies works.
import { deepEqual, ok, throws } from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transformSync } from "esbuild";
import ts from "typescript";
import { Workspace } from "../support/docs.ts";
import { type CodeBlock, codeBlocks } from "../support/markdown.ts";

const documents = [
  ...readdirSync(".").filter((name) => /^[A-Z]+\.md$/.test(name)),
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name))
    .sort(),
];

/** Not code: pictures, and the output of programs, unless it is to be compared. */
const isNoCode = ({ language, check }: CodeBlock) => ["", "text"].includes(language) && check !== "output";
/** Blocks that cannot be checked, by their first line, and why. */
const UNCHECKED: Readonly<Record<string, string>> = {};

/** Modules of Moddable's SDK: such blocks are type-checked as firmware is, and cannot run in Node. */
const SDK_IMPORT = /from "(embedded:[^"]+|mc\/config|websocket|time|timer|text\/encoder|net|http|listener)"/;

function check(block: CodeBlock, workspace: Workspace): void | Promise<void> {
  const { language, text, place } = block;
  const [, file = ""] = /^file (\S+)$/.exec(block.check) ?? [];
  switch (language) {
    case "sh":
      workspace.checkShell(text);
      break;
    case "text":
      workspace.checkOutput(text);
      break;
    case "json":
      workspace.checkJson(text);
      if (file !== "") workspace.writeFile(text, file);
      break;
    case "yaml":
      workspace.checkYaml(text);
      break;
    case "sql":
      return workspace.checkSql(text);
    case "js":
      // Firmware in JavaScript, which the document's commands pack; its TypeScript form is type-checked elsewhere.
      transformSync(text, { loader: "js", format: "esm" });
      workspace.writeFile(text, file);
      break;
    case "ts": {
      ok(["", "continues", "types", `file ${file}`].includes(block.check), `<!-- check: ${block.check} --> is unknown`);
      const path = workspace.writeModule(text, place, { continues: block.check === "continues", file });
      // If the document names the file, its own commands run it.
      if (file === "" && block.check !== "types" && !SDK_IMPORT.test(text)) workspace.runModule(path);
      break;
    }
    default:
      throw new Error(`${place} is "${language}": say here how that is checked`);
  }
}

/** Diagnostics of these modules, with what they import; as places in documents. */
function typeErrors(files: readonly { file: string; place: string }[], firmware: boolean): string[] {
  const project = firmware ? "examples/tsconfig.json" : "tsconfig.json";
  const { config } = ts.readConfigFile(project, ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, firmware ? "examples" : ".");
  // A block declares what its reader may use later.
  const settings = { ...options, noUnusedLocals: false, noUnusedParameters: false, noEmit: true };
  const declarations = firmware ? fileNames.filter((name) => name.endsWith(".d.ts")) : [];
  const program = ts.createProgram([...declarations, ...files.map(({ file }) => file)], settings);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const place = files.find((each) => each.file === file?.fileName)?.place ?? file?.fileName;
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${place}, its line ${line}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

describe("documents", () => {
  const workspaces: Workspace[] = [];

  it("are found, with code in them", () => {
    ok(documents.includes("README.md") && documents.length >= 12, documents.join());
    const blocks = documents.flatMap(codeBlocks).filter((block) => !isNoCode(block));
    ok(blocks.length >= 20, `${blocks.length} blocks`);
    for (const first of Object.keys(UNCHECKED))
      ok(
        blocks.some(({ text }) => text.startsWith(first)),
        `${first} is gone`,
      );
  });

  it("say first for whom they are, and what their readers can do or know afterwards", () => {
    const told = documents.filter((name) => /^docs\/[^/]+\.md$|^docs\/api\/README/.test(name));
    ok(told.length >= 25, told.join());
    for (const document of told) {
      const text = readFileSync(document, "utf8").replaceAll(/<!--.*?-->/g, "");
      const [, first] = /^# .+\n\s*(.+(?:\n.+)*)/m.exec(text) ?? [];
      ok(/^For [^.:]+\. Afterwards you (can|know) /.test(first?.replaceAll("\n", " ") ?? ""), `${document}: ${first}`);
    }
  });

  for (const document of documents) {
    const fences = readFileSync(document, "utf8").match(/^ *```/gm)?.length ?? 0;
    const blocks = codeBlocks(document);
    if (fences === 0) continue;
    describe(document, () => {
      let workspace: Workspace;
      before(() => {
        workspace = new Workspace(document);
        workspaces.push(workspace);
      });

      it("has no block that is not found", () => deepEqual(blocks.length * 2, fences));
      for (const block of blocks) {
        if (isNoCode(block) || block.text.split("\n")[0]! in UNCHECKED) continue;
        it(`line ${block.place.split(":")[1]}, ${block.language}: ${block.text.split("\n")[0]}`, () =>
          check(block, workspace));
      }
    });
  }

  // A separate suite: it runs after those before it.
  describe("TypeScript in them", () => {
    it("type-checks as a program for Node", () => {
      const sources = workspaces.flatMap((workspace) => workspace.sources).filter(({ file }) => !isFirmware(file));
      ok(sources.length >= 4, `${sources.length} blocks`);
      deepEqual(typeErrors(sources, false), []);
    });

    it("type-checks as firmware, where it imports modules of Moddable's SDK", () => {
      const sources = workspaces.flatMap((workspace) => workspace.sources).filter(({ file }) => isFirmware(file));
      ok(sources.length >= 1, `${sources.length} blocks`);
      deepEqual(typeErrors(sources, true), []);
    });
  });
});

function isFirmware(file: string): boolean {
  return SDK_IMPORT.test(readFileSync(file, "utf8"));
}

describe("the check of documents", () => {
  let workspace: Workspace;
  const block = (language: string, text: string, check = ""): CodeBlock => ({ language, text, check, place: "here:1" });
  before(() => {
    workspace = new Workspace("wrong");
  });

  it("finds blocks, with the text before them", () => {
    const first = codeBlocks("README.md").find(({ language }) => language === "sh");
    ok(first!.language === "sh" && first!.text.includes("npm ci") && /^README\.md:\d+$/.test(first!.place));
  });

  for (const [title, language, text, expected, said = ""] of [
    ["an unknown command", "sh", "xs-telemetry decodes trace.jsonl", /unknown command/],
    ["an unknown option", "sh", "xs-telemetry validate --stricter trace.jsonl", /unknown option/],
    ["a file that is not valid", "sh", "echo '{}' | xs-telemetry validate -", /ended with 1/],
    ["a script that is not in package.json", "sh", "npm run demos", /no script demos/],
    ["what a command does not print", "text", "no such line\n", /no such line/, "output"],
    ["JSON that is none", "json", '{ "include": [ }', /JSON/],
    [
      "a manifest that there is not",
      "json",
      '{ "include": ["./node_modules/xs-telemetry/manifests/x.json"] }',
      /no manifests\/x/,
    ],
    [
      "a module that there is not",
      "json",
      '{ "modules": { "xs-telemetry": "./node_modules/xs-telemetry/dist/moddable/emitter" } }',
      /no dist\/moddable\/emitter\.js/,
    ],
    ["an event that the registry does not know", "json", '{"event":"ws.none"}', /E_EVENT/],
    ["YAML that is no part of a registry", "yaml", "record_types:\n  - { id: 99, with: nothing }\n", /no part/],
    [
      "an input that the action does not take",
      "yaml",
      "- uses: a/xs-telemetry/.github/actions/validate@main\n  with: { files: a, file: b }\n",
      /takes no file/,
    ],
    [
      "a program that fails",
      "ts",
      'import { Telemetry } from "xs-telemetry";\nnew Telemetry({ capacityBytes: 1 });\n',
      /RangeError/,
    ],
    ["a language that nothing checks", "python", "print()", /say here/],
  ] as const)
    it(`refuses ${title}`, () => throws(() => check(block(language, text, said), workspace), expected));

  it("refuses a program with a wrong type", () => {
    const text = 'import { Telemetry } from "xs-telemetry";\nnew Telemetry({ capacityBytes: 4096 }).connect("7");\n';
    workspace.writeModule(text, "here:1", {});
    const [error] = typeErrors([workspace.sources.at(-1)!], false);
    ok(/^here:1, its line 2: Argument of type 'string'/.test(error ?? ""), error);
  });
});
