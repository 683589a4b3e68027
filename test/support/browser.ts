/** A real browser, headless: Debian's Chromium, which the tests see to; or another one that CHROMIUM names. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

export interface Opened {
  readonly page: Page;
  /** Whatever the page asked for, but itself. */
  readonly requests: string[];
  /** What it said in its console, violations of its policy among it. */
  readonly said: string[];
}

export interface Looks {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

export function launch(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Its sandbox does not start as root.
    args: ["--no-sandbox", "--disable-dev-shm-usage", ...args],
  });
}

/** Opens a file from disk, and waits until it has drawn. Its time zone is UTC, whoever looks. */
export async function openPage(browser: Browser, file: string, looks: Looks = {}): Promise<Opened> {
  const { width = 1280, height = 900, scheme = "light" } = looks;
  const viewport = { width, height };
  // axe-core is put into the page by hand, which its policy would stop.
  const context = await browser.newContext({ viewport, colorScheme: scheme, timezoneId: "UTC", offline: true });
  const page = await context.newPage();
  const url = pathToFileURL(resolve(file)).href;
  const requests: string[] = [];
  const said: string[] = [];
  page.on("request", (request) => request.url() !== url && requests.push(request.url()));
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(url);
  await page.waitForSelector('html[data-state="ready"]', { state: "attached", timeout: 60_000 });
  return { page, requests, said };
}
