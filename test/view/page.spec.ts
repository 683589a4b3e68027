import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { runBoard } from "../../examples/sensor/board.ts";
import { Telemetry } from "../../examples/sensor/telemetry.gen.ts";
import { launch, openPage } from "../support/browser.ts";
import { run } from "../support/command.ts";
import { drain } from "../support/emit.ts";
import { PacketSource } from "../support/packets.ts";
import { ATTACKS, BREAK_IN, capture } from "../support/viewed.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
let browser: Browser;
let root = "";
let file = "";

async function view(recording: string, ...args: string[]) {
  return run(["view", recording, "-o", file, ...args]);
}

const details = (page: Page) => page.locator("aside").innerText();
const status = (page: Page) => page.locator(".status").innerText();

/** What is visible, once it is drawn. */
const range = async (page: Page) => {
  await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))");
  return page.locator(".range").innerText();
};

/** The table, when it has come to rest. */
const rows = async (page: Page) => {
  await page.waitForTimeout(250);
  return page.locator("tbody tr").allInnerTexts();
};

/** How many pixels have these colours, in the first lanes. */
const pixels = (page: Page, colours: Readonly<Record<string, readonly number[]>>) =>
  page.evaluate(`(() => {
    const canvas = document.querySelector(".lanes");
    const { data } = canvas.getContext("2d").getImageData(0, 24, canvas.width, 22 * 2 + 18);
    const found = {};
    for (const [name, colour] of Object.entries(${JSON.stringify(colours)})) {
      found[name] = 0;
      for (let i = 0; i < data.length; i += 4) if (colour.every((part, at) => data[i + at] === part)) found[name]++;
    }
    return found;
  })()`) as Promise<Record<string, number>>;

describe("view", function () {
  this.timeout(60_000);
  before(async () => {
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-view-"));
    file = join(root, "page.html");
    browser = await launch();
    const { status, stdout, stderr } = await view(capture(root));
    assert.deepEqual([status, stdout], [0, ""], stderr);
    assert.match(stderr, /page\.html: 23 events, \d+\.\d KB/);
  });
  after(async () => {
    await browser?.close();
    rmSync(root, { recursive: true, force: true });
  });

  it("is one file that asks for nothing, and shows each event once, boots and gaps with number and cause", async () => {
    const { page, requests, said } = await openPage(browser, file);
    assert.equal(await page.locator("h1").innerText(), "capture");
    assert.match(
      await page.locator(".totals").innerText(),
      /23 events of 2 devices, 3 boots, 5 connections · 39 events missing in 2 gaps/,
    );
    const table = await rows(page);
    const events = table.filter((row) => /\+\d\d:/.test(row));
    assert.equal(events.length, 23);
    assert.match(
      table.join("\n"),
      /38 events missing: 37 lost on the device, overwritten or refused; 1 lost on the way/,
    );
    assert.equal(table.filter((row) => /boot \d begins here/.test(row)).length, 3);
    assert.match(
      events.find((row) => row.includes("Needle"))!,
      /2026-01-02 03:04:0\S+\s+\+00:00:02.000\s+pump-7\s+1\s+3\/1\s+msg.recv\s+getStatus\s+ok/,
    );
    assert.deepEqual([requests, said], [[], []]);
    await page.context().close();
  });

  it("has details, the time to the answer, neighbours, gaps, rejections, marks and the whole on keys", async () => {
    const { page, said } = await openPage(browser, file);
    await page.keyboard.press("/");
    await page.keyboard.type("nEEDLE");
    await page.keyboard.press("Enter");
    assert.equal(await status(page), "found: 1 of 2");
    assert.match(
      await details(page),
      /msg\.recv[\s\S]*since boot\s+\+00:00:02\.000, 2,000 ms[\s\S]*payloadSummary\s+\{"hello":"Needle"\}[\s\S]*answer\s+after 41 ms/,
    );
    await page.keyboard.press("Escape");
    for (const key of ["n", "n"]) await page.keyboard.press(key);
    assert.match(await details(page), /reason\s+rate_limit\n[\s\S]*answer\s+unknown: events are missing/);
    await page.keyboard.press("p");
    assert.match(await details(page), /^msg\.send/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("g");
    assert.match(
      await details(page),
      /^Gap \d of 2\n[\s\S]*37 lost on the device, overwritten or refused; 1 lost on the way[\s\S]*between\s+\+00:00:02\.500 and \+00:00:04\.000, 1\.50 s/,
    );
    await page.keyboard.press("f");
    const near = await range(page);
    assert.match(near, /, 1\.6\d s$/);
    await page.keyboard.press("0");
    const whole = await range(page);
    await page.keyboard.press("r");
    assert.equal(await status(page), "rejections: 1 of 2");
    await page.keyboard.press("m");
    await page.keyboard.press("n");
    assert.match(await details(page), /from the last mark\s+\+1\.50 s/);
    for (const key of ["w", "a", "d", "ArrowLeft", "ArrowRight", "+", "-", "s"]) {
      const before = await range(page);
      await page.keyboard.press(key);
      assert.notEqual(await range(page), before, key);
    }
    await page.keyboard.press("t");
    assert.match(await range(page), /^[+−]00:00:0/);
    await page.keyboard.press("t");
    assert.equal(await range(page), whole);
    await page.keyboard.press("?");
    assert.ok(await page.locator("dialog").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(!(await page.locator("dialog").isVisible()));
    assert.deepEqual(said, []);
    await page.context().close();
  });

  it("moves by mouse: chooses an event, moves the range of the whole and its ends, zooms to a range of rates", async () => {
    const { page } = await openPage(browser, file);
    const box = async (selector: string) => (await page.locator(selector).boundingBox())!;
    const drag = async (selector: string, from: number, to: number) => {
      const { x, y, width, height } = await box(selector);
      await page.mouse.move(x + 1 + (width - 2) * from, y + height / 2);
      await page.mouse.down();
      await page.mouse.move(x + 1 + (width - 2) * to, y + height / 2, { steps: 3 });
      await page.mouse.up();
    };
    const seconds = async () => {
      const [, minutes = 0, rest] = /, (?:(\d+) min )?(\d+(?:\.\d+)?) s$/.exec(await range(page))!;
      return Number(minutes) * 60 + Number(rest);
    };
    const whole = await seconds();
    await drag(".whole", 1, 0.5);
    assert.ok(Math.abs((await seconds()) - whole / 2) < 2, `${await seconds()} of ${whole}`);
    const before = await range(page);
    await drag(".whole", 0.25, 0.5);
    assert.notEqual(await range(page), before);
    assert.ok(Math.abs((await seconds()) - whole / 2) < 2);
    await drag(".rates", 0.5, 0.75);
    assert.ok((await seconds()) < whole / 5);
    const { x, y, width } = await box(".lanes");
    await page.keyboard.press("0");
    await page.mouse.move(x + width / 2, y + 100);
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -300);
    await page.keyboard.up("Control");
    await page.waitForTimeout(100);
    assert.ok((await seconds()) < whole / 2);
    await page.context().close();
  });

  it("filters by event, result, reason, client and type", async () => {
    const { page } = await openPage(browser, file);
    const count = async () => Number(/^(\d+) event/.exec(await status(page))![1]);
    const all = page.getByRole("button", { name: "All", exact: true });
    for (const [name, value, wanted] of [
      ["event", "ws.connect", 5],
      ["result", "rejected", 2],
      ["reason", "rate_limit", 2],
      ["client", "9", 7],
      ["type", "getStatus", 8],
    ] as const) {
      const field = page.locator(".filters label", { hasText: new RegExp(`^${name} `) }).locator("select, input");
      if ((await field.evaluate((element) => element.tagName)) === "SELECT") await field.selectOption(value);
      else {
        await field.fill(value);
        await field.press("Enter");
      }
      assert.equal(await count(), wanted, name);
      await all.click();
      assert.equal(await count(), 23);
    }
    await page.context().close();
  });

  it("runs nothing of what a recording says, loads nothing, and shows controls and directions", async () => {
    const context = await browser.newContext({ timezoneId: "UTC" });
    const asked: string[] = [];
    await context.route("**", (route) => {
      asked.push(route.request().url());
      return route.continue();
    });
    await context.addInitScript("globalThis.attacks = []; globalThis.attacked = (n) => globalThis.attacks.push(n);");
    const page = await context.newPage();
    await page.goto(`file://${file}`);
    await page.waitForSelector('html[data-state="ready"]', { state: "attached" });
    await page.locator("tbody").getByRole("button").first().click();
    for (let i = 0; i < 8; i++) await page.keyboard.press("n");
    const text = await page.locator("body").innerText();
    for (const attack of ATTACKS.slice(0, 5)) assert.ok(text.includes(attack), attack);
    assert.ok(text.includes("\\u202efdp.exe\\u0007\\u001b[31m"));
    assert.ok(text.includes("<img src=x onerror=attacked(5)>"));
    for (const raw of ["\u202E", "\u0007", "\u001B"]) assert.ok(!text.includes(raw));
    // If something gets into the document all the same, its policy stops it.
    const stopped = await page.evaluate(BREAK_IN);
    assert.deepEqual(stopped, {
      fetched: "refused",
      attacks: [],
      violations: ["connect-src", "img-src", "script-src-attr", "script-src-elem", "style-src-elem"],
    });
    assert.deepEqual(asked, [`file://${file}`]);
    await context.close();
  });

  it("is without findings of axe-core, in both schemes, narrow and wide", async () => {
    for (const [scheme, width] of [
      ["light", 1600],
      ["dark", 400],
    ] as const) {
      const { page } = await openPage(browser, file, { scheme, width });
      await page.keyboard.press("r");
      await page.waitForTimeout(250);
      for (const key of ["", "?"]) {
        if (key !== "") await page.keyboard.press(key);
        // Run by the debugger, which no policy stops.
        await page.evaluate(readFileSync(AXE, "utf8"));
        const found = await page.evaluate(
          "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))",
        );
        assert.deepEqual(found, [], `${scheme} ${width} ${key}`);
      }
      const isWide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth");
      assert.equal(isWide, false, `scrolls sideways at ${width}`);
      await page.context().close();
    }
  });

  it("draws a rejection, and where a connection begins, among thousands of events in one pixel", async () => {
    const source = new PacketSource({ bootId: 0xdead });
    const quiet = { clientId: 1, connEpoch: 0, token: 1 };
    const packets = [
      source.tokens([[1, "x"]]),
      source.data([{ event: "ws.connect", time: 0, clientId: 1, connEpoch: 0, ip: "10.0.0.1" }]),
    ];
    for (let block = 0; block < 100; block++)
      packets.push(
        source.data(
          Array.from({ length: 60 }, (_, i) => ({
            event: "msg.recv" as const,
            time: 1_000_000 + block * 60 + i,
            ...quiet,
            reason: block === 50 && i === 30 ? 1 : 0,
          })),
        ),
      );
    packets.push(source.data([{ event: "ws.disconnect", time: 4_000_000, clientId: 1, connEpoch: 0 }]));
    const path = join(root, "dense.bin");
    writeFileSync(path, Buffer.concat(packets.map(({ bytes }) => bytes)));
    const dense = join(root, "dense.html");
    assert.equal((await run(["view", path, "-o", dense])).status, 0);
    const { page } = await openPage(browser, dense);
    assert.match(await page.locator(".totals").innerText(), /6,002 events.*no event is missing/);
    const counts = await pixels(page, { rejected: [0xc4, 0x16, 0x2a], begin: [0x0f, 0x7a, 0x3d] });
    assert.ok(counts.rejected! >= 60 && counts.begin! >= 60, JSON.stringify(counts));
    await page.context().close();
  });

  it("draws a loss of one event among thousands of events in one pixel", async () => {
    const source = new PacketSource({ bootId: 0xdead });
    const said = { event: "msg.recv" as const, clientId: 1, connEpoch: 0, token: 1 };
    const packets = [source.tokens([[1, "x"]]), source.data([{ ...said, time: 0 }])];
    for (let block = 0; block < 100; block++) {
      if (block === 50) source.data([{ ...said, time: 1_003_000 }]); // on the way it is lost
      packets.push(source.data(Array.from({ length: 60 }, (_, i) => ({ ...said, time: 1_000_000 + block * 60 + i }))));
    }
    packets.push(source.data([{ ...said, time: 4_000_000 }]));
    const draw = async (name: string, of: readonly { readonly bytes: Uint8Array }[]) => {
      writeFileSync(join(root, name), Buffer.concat(of.map(({ bytes }) => bytes)));
      const { status, stderr } = await run(["view", join(root, name), "-o", join(root, `${name}.html`)]);
      assert.equal(status, 0, stderr);
      const { page } = await openPage(browser, join(root, `${name}.html`));
      const totals = await page.locator(".totals").innerText();
      const { lost } = await pixels(page, { lost: [0x8a, 0x2b, 0xe2] });
      await page.context().close();
      return { totals, lost: lost! };
    };
    const gap = await draw("gap.bin", packets);
    assert.match(gap.totals, /6,002 events.*1 event missing in 1 gap/);
    const whole = new PacketSource({ bootId: 0xdead });
    const none = await draw("whole.bin", [
      whole.tokens([[1, "x"]]),
      ...Array.from({ length: 100 }, (_, at) => whole.data([{ ...said, time: at * 40_000 }])),
    ]);
    assert.equal(none.lost, 0);
    assert.ok(gap.lost >= 20, `${gap.lost} pixels of the gap's colour`);
  });

  it("shows events of a registry of one's own in lanes, their numbers as series", async () => {
    const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 7, clock: { now: () => 10 } });
    runBoard(telemetry);
    const path = join(root, "sensor.bin");
    writeFileSync(path, Buffer.concat(drain(telemetry.reader())));
    const own = join(root, "sensor.html");
    const said = await run(["view", path, "-o", own, "--registry", "examples/sensor/sensor.yaml"]);
    assert.equal(said.status, 0, said.stderr);
    const { page } = await openPage(browser, own);
    assert.match(
      (await rows(page)).join("\n"),
      /sensor\.reading\s+temperature_c -3\.125\s+humidity_percent 99\.5\s+altitude_mm 1250000/,
    );
    await page.locator(".lanes").focus();
    const lanes: string[] = [];
    for (let i = 0; i < 14; i++) {
      await page.keyboard.press("ArrowDown");
      lanes.push(await status(page));
    }
    for (const lane of ["battery", "sensor.reading", "button.pressed", "error"]) assert.ok(lanes.includes(lane), lane);
    for (const series of ["sensor.reading temperature_c", "battery charge_percent", "button.pressed held_ms"])
      assert.ok(lanes.includes(series), series);
    await page.screenshot({ path: join(root, "sensor.png") });
    await page.context().close();
  });

  it("leaves lines out that are not UTF-8, says which, and shows half a character as one", async () => {
    const line = (payload: string) =>
      Buffer.from(
        `{"event":"msg.recv","ts_mono_ms":5,"connEpoch":0,"clientId":1,"msgType":"","result":"ok","reason":"","payloadSummary":"${payload}","schemaVersion":"1.0.0"}\n`,
        "latin1",
      );
    const path = join(root, "broken.jsonl");
    writeFileSync(path, Buffer.concat([line("a\xFFb"), line("\xC3"), line("\\ud800c"), line("whole")]));
    const broken = join(root, "broken.html");
    const { status, stderr } = await run(["view", path, "-o", broken]);
    assert.equal(status, 1);
    assert.match(stderr, /E_UTF8 at line 1, byte 0.*\n.*E_UTF8 at line 2.*\n.*broken\.html: 2 events/);
    const { page, said } = await openPage(browser, broken);
    const table = (await rows(page)).join("\n");
    assert.match(table, /whole/);
    assert.match(table, /(\uFFFD|\\ud800)c/);
    assert.deepEqual(said, []);
    await page.context().close();
  });

  it("shows the good part of JSON lines and of what is damaged, cut by time", async () => {
    const lines = (await run(["decode", join(root, "capture")])).stdout;
    const path = join(root, "lines.jsonl");
    writeFileSync(path, `${lines}{"event":\n`);
    const other = join(root, "lines.html");
    const { status, stderr } = await run(["view", path, "-o", other, "--since", "+00:02", "--device", "pump-7"]);
    assert.equal(status, 1);
    assert.match(stderr, /E_JSON[\s\S]*lines\.html: 10 events/);
    const { page } = await openPage(browser, other);
    assert.match(
      await page.locator(".totals").innerText(),
      /10 events of 1 device, 2 boots.*wrong in the recording: E_JSON 1/,
    );
    await page.context().close();
  });
});
