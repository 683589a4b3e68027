// The script and style of the page that `view` writes, as strings of the bundle that imports "#view-page".
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { build } from "esbuild";

const FOLDER = "host/view/page";

export const viewPage = {
  name: "view page",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^#view-page$/ }, () => ({ path: resolve(FOLDER, "main.ts"), namespace: "view-page" }));
    onLoad({ filter: /./, namespace: "view-page" }, async ({ path }) => {
      const { outputFiles } = await build({
        entryPoints: [path],
        bundle: true,
        write: false,
        minify: true,
        format: "iife",
        target: ["chrome114", "firefox115", "safari16.4"],
        charset: "ascii",
        legalComments: "none",
        logLevel: "warning",
      });
      const style = readFileSync(resolve(FOLDER, "style.css"), "utf8");
      const small = await build({ stdin: { contents: style, loader: "css" }, write: false, minify: true });
      // Within <script> and <style>, their end tags would end them.
      const text = (file) => JSON.stringify(file.text.trim().replaceAll("</", "<\\/"));
      const contents = `export const script = ${text(outputFiles[0])};\nexport const style = ${text(small.outputFiles[0])};\n`;
      return { contents, loader: "js", watchFiles: [path] };
    });
  },
};
