/** A real browser, headless: Debian's Chromium, which the tests install; or another one named by CHROMIUM. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

export interface Opened {
  readonly page: Page;
  /** Everything that the page requested, except itself. */
  readonly requests: string[];
  /** Its console output, including violations of its policy. */
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

/** Opens a file from disk, and waits until it is drawn. Its time zone is always UTC. */
export async function openPage(browser: Browser, file: string, looks: Looks = {}): Promise<Opened> {
  const { width = 1280, height = 900, scheme = "light" } = looks;
  const viewport = { width, height };
  // axe-core is injected directly, because the page's policy would stop it.
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
