// `node build/viewing-picture.mjs`: makes docs/viewing.png, the page of `view` for a simulated device whose ring is too small. Needs
// Chromium.
import { execSync } from "node:child_process";
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
const cli = "node dist/host/cli.js";
// In real time, so that boots follow each other as they did: half a minute.
const device = "--seed 9 --events 2600 --rate 90 --capacity 2048 --every 250 --slice 1 --reboot-every 1100";
execSync(`${cli} simulate --stdout ${device} 2> /dev/null | ${cli} capture --stdin -o ${FOLDER}/pump-house`, {
  stdio: "ignore",
});
execSync(`${cli} view ${FOLDER}/pump-house -o ${FOLDER}/page.html`, { stdio: "ignore" });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1200, height: 860 }, timezoneId: "UTC" });
await page.goto(pathToFileURL(resolve(FOLDER, "page.html")).href);
await page.waitForSelector('html[data-state="ready"]', { state: "attached" });
for (const key of ["r", "w", "r"]) await page.keyboard.press(key);
await page.waitForTimeout(500);
await page.screenshot({ path: "docs/viewing.png" });
await browser.close();
