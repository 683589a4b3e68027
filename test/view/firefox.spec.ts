// The page in a second engine: it opens from disk, has everything, is used by keys, and neither runs nor loads anything from a recording.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { run } from "../support/command.ts";
import { Firefox } from "../support/firefox.ts";
import { ATTACKS, BREAK_IN, capture } from "../support/viewed.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const TEXT = (selector: string) =>
  `[...document.querySelectorAll(${JSON.stringify(selector)})].map((each) => each.innerText)`;
/** What is visible, once the table has come to rest. */
const ROWS = `new Promise((done) => setTimeout(() => done(${TEXT("tbody tr")}), 300))`;

describe("view in Firefox", function () {
  this.timeout(120_000);
  let firefox: Firefox;
  let root = "";
  let file = "";
  before(async () => {
    const { ensure } = await import(pathToFileURL(resolve("build/machine.mjs")).href);
    ensure("firefox-esr");
    root = mkdtempSync(join(tmpdir(), "xs-telemetry-view-"));
    file = join(root, "page.html");
    const { status, stderr } = await run(["view", capture(root), "-o", file]);
    assert.equal(status, 0, stderr);
    firefox = await Firefox.launch("() => { window.attacks = []; window.attacked = (n) => window.attacks.push(n); }");
  });
  after(async () => {
    await firefox?.close();
    rmSync(root, { recursive: true, force: true });
  });

  it("opens from disk, asks for nothing, and shows each event once, boots and gaps", async () => {
    await firefox.open(file);
    const [totals] = (await firefox.evaluate(TEXT(".totals"))) as string[];
    assert.match(totals!, /23 events of 2 devices, 3 boots, 5 connections · 39 events missing in 2 gaps/);
    const rows = (await firefox.evaluate(ROWS)) as string[];
    assert.equal(rows.filter((row) => /\+\d\d:/.test(row)).length, 23);
    assert.match(
      rows.join("\n"),
      /38 events missing: 37 lost on the device, overwritten or refused; 1 lost on the way/,
    );
    assert.equal(rows.filter((row) => /boot \d begins here/.test(row)).length, 3);
    const drawn = await firefox.evaluate(`[...document.querySelectorAll("canvas")].map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Set();
      for (let at = 0; at < data.length; at += 4) colours.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
      return colours.size;
    })`);
    assert.ok((drawn as number[]).length > 0 && (drawn as number[]).every((colours) => colours > 2), String(drawn));
    assert.deepEqual(firefox.requests, []);
  });

  it("is used by keys: rejections, neighbours, zoom, the whole, search, help", async () => {
    await firefox.open(file);
    await firefox.press("r");
    assert.match(((await firefox.evaluate(TEXT("aside"))) as string[])[0]!, /msg\.recv[\s\S]*rejected/);
    const whole = await firefox.evaluate(TEXT(".range"));
    await firefox.press("w", "w", "w");
    await firefox.evaluate(ROWS);
    assert.notDeepEqual(await firefox.evaluate(TEXT(".range")), whole);
    await firefox.press("0");
    await firefox.evaluate(ROWS);
    assert.deepEqual(await firefox.evaluate(TEXT(".range")), whole);
    await firefox.press("/", ..."Needle", "\uE007");
    await firefox.evaluate(ROWS);
    assert.match(((await firefox.evaluate(TEXT("aside"))) as string[])[0]!, /Needle/);
    await firefox.press("\uE00C");
    await firefox.evaluate("document.activeElement.blur()");
    await firefox.press("?");
    assert.equal(await firefox.evaluate('document.querySelector("dialog")?.open ?? false'), true);
  });

  it("runs nothing of what a recording says, loads nothing, and stops what gets into the document all the same", async () => {
    await firefox.open(file);
    await firefox.evaluate(ROWS);
    const [text] = (await firefox.evaluate(TEXT("body"))) as string[];
    for (const attack of ATTACKS.slice(0, 5)) assert.ok(text!.includes(attack), attack);
    assert.ok(text!.includes("\\u202efdp.exe\\u0007\\u001b[31m"));
    const { fetched, attacks, violations } = (await firefox.evaluate(BREAK_IN)) as Record<string, unknown>;
    assert.deepEqual({ fetched, attacks }, { fetched: "refused", attacks: [] });
    for (const directive of ["connect-src", "img-src", "script-src-elem", "style-src-elem"])
      assert.ok((violations as string[]).includes(directive), `${directive}: ${violations}`);
    assert.deepEqual(firefox.requests, []);
  });

  it("would be seen to ask: a page without the policy does", async () => {
    const bare = join(root, "bare.html");
    writeFileSync(bare, '<html data-state="ready"><img src="https://evil.example/a.png">');
    await firefox.open(bare);
    assert.deepEqual(firefox.requests, ["https://evil.example/a.png"]);
  });

  it("is without findings of axe-core", async () => {
    await firefox.open(file);
    // Run by the debugger, which no policy stops.
    await firefox.evaluate(`(() => { ${readFileSync(AXE, "utf8")}\n })()`);
    const found = await firefox.evaluate(
      "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))",
    );
    assert.deepEqual(found, []);
  });
});
