// `node build/package-size.mjs`: packs, installs, and writes the sizes into README.md.
import { readFileSync, writeFileSync } from "node:fs";
import { packAndInstall } from "./install.mjs";

const README = "README.md";
const SECTION = /(<!-- generated: size -->\n\n).*?(\n\n<!-- end -->)/s;

const kilobytes = (bytes) => Math.round(bytes / 1e3).toLocaleString("en");
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** The text for the README. */
export function sizeSentence({ tarballBytes, packageBytes, dependencies, dependencyBytes }) {
  return `To download: ${kilobytes(tarballBytes)} KB, ${megabytes(packageBytes)} MB unpacked. What the command line depends on: ${dependencies} packages, ${megabytes(dependencyBytes)} MB. Nothing of those is on the device.`;
}

/** The figures in the README. Throws if they are missing. */
export function sizesOfReadme() {
  const section = SECTION.exec(readFileSync(README, "utf8"))?.[0] ?? "";
  const numbers = [...section.matchAll(/([\d,.]+) (KB|MB|packages)/g)];
  if (numbers.length !== 4) throw new Error(`${README} has no sizes: node build/package-size.mjs writes them`);
  const [tarballBytes, packageBytes, dependencies, dependencyBytes] = numbers.map(
    ([, number, unit]) => Number(number.replaceAll(",", "")) * { KB: 1e3, MB: 1e6, packages: 1 }[unit],
  );
  return { tarballBytes, packageBytes, dependencies, dependencyBytes };
}

if (process.argv[1] === import.meta.filename) {
  await import("./build.mjs");
  const text = readFileSync(README, "utf8");
  if (!SECTION.test(text)) throw new Error(`${README} has no "<!-- generated: size -->" to write into`);
  const { sizes } = packAndInstall("dist/installed");
  writeFileSync(README, text.replace(SECTION, `$1${sizeSentence(sizes)}$2`));
  console.error(`${README}: ${sizeSentence(sizes)}`);
}
