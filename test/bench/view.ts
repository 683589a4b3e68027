/** A page of a million events: how long `view` takes to write it, and how it performs in a real browser. */
import { equal } from "node:assert/strict";
import { readFileSync, rmSync, statSync } from "node:fs";
import type { Browser, Page } from "playwright-core";
import { launch, openPage } from "../support/browser.ts";
import { number, type Table } from "./format.ts";
import { outside } from "./outside.ts";
import { CLIENTS, EVENTS, timeCommand, writeRecording } from "./recording.ts";
import type { Say } from "./rows.ts";

const FOLDER = "dist/bench/capture-view";
const FILE = "dist/bench/view.html";
/** Of the whole; frames of each. */
const ZOOMS = [1, 10, 100, 1000, 10_000, 100_000];
const FRAMES = 60;

export interface ViewFigure {
  readonly what: string;
  readonly measured: number;
  readonly unit: string;
  readonly limit: number;
  readonly bound: "at most" | "at least";
}

/** Needs Chromium. */
export async function measureView(say: Say): Promise<ViewFigure[]> {
  const { ensure } = await outside("build/machine.mjs");
  ensure("chromium");
  say(`view: a capture of ${number(EVENTS)} events of ${CLIENTS} clients`);
  writeRecording(FOLDER);
  say("view: writes the page");
  const { seconds, maxRssMegabytes } = await timeCommand(["view", FOLDER, "-o", FILE]);
  const megabytes = statSync(FILE).size / 1e6;
  const found: ViewFigure[] = [
    { what: "view: events a second", measured: EVENTS / seconds, unit: "", limit: 200_000, bound: "at least" },
    { what: "view: most memory", measured: maxRssMegabytes, unit: "MB", limit: 300, bound: "at most" },
    { what: "page", measured: megabytes, unit: "MB", limit: 12, bound: "at most" },
  ];
  say("view: opens it");
  const browser = await launch();
  try {
    const from = performance.now();
    const { page } = await openPage(browser, FILE, { width: 1600 });
    const ready = (performance.now() - from) / 1000;
    found.push({ what: "ready", measured: ready, unit: "s", limit: 5, bound: "at most" });
    const memory = await rendererMegabytes(browser);
    found.push({ what: "renderer, resident", measured: memory, unit: "MB", limit: 300, bound: "at most" });
    for (const zoom of ZOOMS) {
      const ms = await frameMs(page, zoom);
      const what = `frame, ${zoom === 1 ? "the whole" : `1/${number(zoom)} of it`}, 95 %`;
      found.push({ what, measured: ms, unit: "ms", limit: 40, bound: "at most" });
    }
  } finally {
    await browser.close();
    rmSync(FOLDER, { recursive: true });
    rmSync(FILE);
  }
  return found;
}

/** Of the largest renderer, once garbage is gone. */
async function rendererMegabytes(browser: Browser): Promise<number> {
  await new Promise((done) => setTimeout(done, 2000));
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const sizes = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))![1]));
  return (Math.max(...sizes) * 1024) / 1e6;
}

/** Time from one frame to the next while the range moves; 95 % of the frames are faster. Fails if nothing was drawn. */
async function frameMs(page: Page, zoom: number): Promise<number> {
  const frames = (await page.evaluate(`(async () => {
    const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    press("0");
    for (let zoomed = 1; zoomed < ${zoom}; zoomed *= 1.5) press("w");
    await frame();
    await frame();
    const times = [await frame()];
    for (let i = 0; i < ${FRAMES}; i++) {
      press(i % 20 < 10 ? "a" : "d");
      times.push(await frame());
    }
    return times.slice(1).map((time, i) => time - times[i]);
  })()`)) as number[];
  equal(frames.length, FRAMES);
  return frames.sort((a, b) => a - b)[Math.floor(FRAMES * 0.95)]!;
}

export function viewTable(found: readonly ViewFigure[]): Table {
  return {
    title: `A page of ${number(EVENTS)} events of ${CLIENTS} clients, with payloads, in headless Chromium, 1600 × 900`,
    head: ["", "measured", "limit"],
    rows: found.map(({ what, measured, unit, limit, bound }) => [
      what,
      `${number(measured, measured < 100 ? 1 : 0)} ${unit}`.trim(),
      `${bound === "at most" ? "≤" : "≥"} ${number(limit)} ${unit}`.trim(),
    ]),
  };
}

export function isHeld({ measured, limit, bound }: ViewFigure): boolean {
  return bound === "at most" ? measured <= limit : measured >= limit;
}
