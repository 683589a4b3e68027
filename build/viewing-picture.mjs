// `node build/viewing-picture.mjs`: docs/viewing.png, the page that `view` writes of a simulated device whose ring is too small. Needs Chromium.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { ensureOrExit } from "./machine.mjs";
import { step } from "./run.mjs";

ensureOrExit("chromium");
step("build/build.mjs");
const FOLDER = "dist/viewing";
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const cli = (args, input) =>
  execFileSync(process.execPath, ["dist/host/cli.js", ...args], {
    input,
    stdio: ["pipe", "pipe", "ignore"],
    maxBuffer: 1 << 26,
  });
const device = "--seed 5 --events 2500 --rate 150 --capacity 4096 --every 90 --slice 1".split(" ");
cli(["capture", "--stdin", "-o", `${FOLDER}/pump-house`], cli(["simulate", "--stdout", ...device]));
cli(["view", `${FOLDER}/pump-house`, "-o", `${FOLDER}/page.html`]);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1200, height: 860 }, timezoneId: "UTC" });
await page.goto(pathToFileURL(resolve(FOLDER, "page.html")).href);
await page.waitForSelector('html[data-state="ready"]', { state: "attached" });
for (const key of ["r", "w", "r"]) await page.keyboard.press(key);
await page.waitForTimeout(500);
await page.screenshot({ path: "docs/viewing.png" });
await browser.close();
