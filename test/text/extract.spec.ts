import assert from "node:assert/strict";
import { type Extracted, extract } from "../../host/text/extract.ts";
import { random } from "../support/assert.ts";
import { campaign, seedFor } from "../support/campaign.ts";

async function extracted(log: string | Uint8Array, chunkBytes = 1000): Promise<Extracted[]> {
  const bytes = typeof log === "string" ? Buffer.from(log) : log;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  }
  const found: Extracted[] = [];
  for await (const each of extract(chunks())) found.push(each);
  return found;
}

/** The text of events, `code@line+byte` of everything else. */
function brief(found: Extracted[]): string[] {
  return found.map((each) => {
    if (each.kind === "event") return each.text;
    const { code, line, offsetBytes } = each.problem;
    return `${code}@${line}+${offsetBytes}`;
  });
}

describe("extract", () => {
  it("finds telemetry among log text and prints it unchanged", async () => {
    const log = [
      "[71322][INFO][WsGateway] WS: Client 1 connected",
      '{"event":"ws.connect",  "clientId" : 1 }',
      '{"sessionId":"debug","message":"ws.connect.enter","data":{"clientId":1}}',
      "",
      '{"event":"ws.disconnect"}',
    ].join("\n");
    assert.deepEqual(await extracted(log), [
      { kind: "event", text: '{"event":"ws.connect",  "clientId" : 1 }', line: 2, offsetBytes: 48 },
      { kind: "event", text: '{"event":"ws.disconnect"}', line: 5, offsetBytes: 163 },
    ]);
  });

  it("removes colours and carriage returns, wherever they are", async () => {
    const log = '\x1b[1;32m[INFO]\x1b[0m {"event":\x1b[36m"a"\x1b[0m,"b":1}\r\n\x1b[m\x1b[K{"event":"c"}\r\r\n';
    assert.deepEqual(brief(await extracted(log)), ['{"event":"a","b":1}', '{"event":"c"}']);
  });

  it("takes events that the registry does not have, and events of any type: judging is validate's work", async () => {
    const log = '{"event":"my.own"}\n{"event":null}\n{"event":{"deep":1}}\n{"a":1,"event":""}\n{"\\u0065vent":1}\n';
    assert.equal((await extracted(log)).filter(({ kind }) => kind === "event").length, 5);
  });

  it("leaves JSON alone that has `event` only further inside, or as a value", async () => {
    const log = [
      '{"data":{"event":"ws.connect"}}',
      '{"key":"event"}',
      '{"text":"\\"event\\":1"}',
      '[{"event":"ws.connect"}]x',
      '{"toString":1,"events":2}',
      '"event": ws.connect',
    ].join("\n");
    assert.deepEqual(brief(await extracted(log)), ["E_JSON@4+72"]);
  });

  it("names a broken line with line, byte, what is wrong and where", async () => {
    const log = 'boot\nü {"event":"msg.recv","payloadSummary":"{"type":"x"}"}\n';
    const [broken] = await extracted(log);
    assert.equal(broken.kind, "broken");
    const { code, line, offsetBytes, message } = broken.problem;
    assert.deepEqual([code, line, offsetBytes], ["E_JSON", 2, 8]);
    assert.match(message, /^not JSON: .*position 40.*: …?.*"payloadSummary":"\{"type":"x"\}"\}$/);
  });

  it("treats lines with log text attached, and two lines joined together, as broken", async () => {
    const log = '{"event":"a"}[71323][INFO] x\n{"event":"a","b"{"event":"c"}\n{"event":"a"}{"event":"b"}\n';
    assert.deepEqual(brief(await extracted(log)), ["E_JSON@1+0", "E_JSON@2+29", "E_JSON@3+59"]);
  });

  it("treats a line that is cut after its key as broken, and before it as log text", async () => {
    const line = '{"event" :"msg.recv","payloadSummary":"{\\"event\\":\\"ws.connect\\"}"}';
    const keyEnd = line.indexOf(":") + 1;
    for (let end = 0; end < line.length; end++) {
      const found = brief(await extracted(`${line.slice(0, end)}\n`));
      assert.deepEqual(found, end < keyEnd ? [] : ["E_JSON@1+0"], line.slice(0, end));
    }
  });

  it("never takes an event out of a payload, however the line was cut", async () => {
    // Without its end this line holds a whole JSON object: one that came from the network.
    const log = '{"event":"msg.recv","payloadSummary":"{"event":"ws.connect","clientId":99}\n';
    assert.deepEqual(brief(await extracted(log)), ["E_JSON@1+0"]);
  });

  it("reads on through garbage that is not UTF-8, NULs, and garbage right before telemetry", async () => {
    const garbage = Buffer.from([0x00, 0xff, 0xfe, 0x80, 0x1b, 0x5b, 0xc3]);
    const log = Buffer.concat([garbage, Buffer.from('{"event":"a"}\n\0\0\0\n'), garbage, Buffer.from("\nlog\n\0")]);
    const withEnd = Buffer.concat([log, Buffer.from('{"event":"b"}')]);
    assert.deepEqual(brief(await extracted(withEnd)), ['{"event":"a"}', '{"event":"b"}']);
  });

  it("reports telemetry that is not UTF-8 and does not repair it", async () => {
    const log = Buffer.concat([Buffer.from('x\n{"event":"a","b":"'), Buffer.from([0xff]), Buffer.from('"}\n')]);
    const [broken] = await extracted(log);
    assert.equal(broken.kind, "broken");
    assert.deepEqual([broken.problem.code, broken.problem.line, broken.problem.offsetBytes], ["E_UTF8", 2, 2]);
    assert.deepEqual(brief(await extracted(Buffer.concat([Buffer.from('{"data":"'), Buffer.from([0xff])]))), []);
  });

  it("reports a line that is too long to read, as broken if it shows the key", async () => {
    const long = "x".repeat(2 * 1024 * 1024);
    const log = `${long}\n [1] {"event":"a","b":"${long}"}\n{"event":"b"}\n`;
    const found = await extracted(log, 65_536);
    assert.deepEqual(
      found.map((each) => each.kind),
      ["skipped", "broken", "event"],
    );
    assert.deepEqual(brief(found), ["W_LINE_LENGTH@1+0", `E_LINE_LENGTH@2+${long.length + 6}`, '{"event":"b"}']);
    for (const each of found) if (each.kind !== "event") assert.ok(each.problem.message.length < 300);
  });

  it("is not harmed by nesting 100,000 deep, by keys of Object's own, by lone surrogates", async () => {
    const deep = `{"event":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    const log = `${deep}\n{"event":${"[".repeat(100_000)}\n{"__proto__":{"event":1}}\n{"event":"\\ud800","__proto__":1}\n`;
    const found = await extracted(log);
    assert.deepEqual(
      found.map((each) => each.kind),
      ["event", "broken", "event"],
    );
  });

  it("shows nothing of a hostile line that a terminal would obey", async () => {
    const [broken] = await extracted('{"event":"\x1b]0;title\x07\x9b31m\u202e", x}\n');
    assert.equal(broken.kind, "broken");
    assert.doesNotMatch(broken.problem.message, /[\p{Cc}\p{Cf}]/u);
  });

  it("gives the same whatever bytes come and however they are cut into chunks", async () => {
    const seed = seedFor(6);
    const { below, pick } = random(seed);
    const parts = ['{"event":"a"}', '{"event":', '"event":1', "{", "}", "\n", "\r\n", '"', "log ", "\x1b[0;32m", "ü"];
    const pieces = [...parts.map((text) => Buffer.from(text)), Buffer.from([0xff]), Buffer.from([0])];
    for (const round of campaign("logs that lines are extracted from", 5000, 500)) {
      const log = Buffer.concat(Array.from({ length: below(40) }, () => pick(pieces)));
      const whole = await extracted(log, log.length + 1);
      const context = `seed ${seed}, round ${round}, ${log.toString("hex")}`;
      assert.deepEqual(await extracted(log, 1 + below(9)), whole, context);
      for (const each of whole) {
        if (each.kind === "event") assert.ok(Object.hasOwn(JSON.parse(each.text), "event"), context);
      }
      assert.deepEqual(brief(whole), plainExtract(log), context);
    }
  });
});

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed
const COLOURS = /\x1b\[[0-9;]*m|\r/g;

/** The contract again, for a whole log, in simple code. */
function plainExtract(log: Buffer): string[] {
  const found: string[] = [];
  let offset = 0;
  for (const [index, raw] of log.toString("latin1").split("\n").entries()) {
    const start = raw.indexOf("{");
    const bytes = Buffer.from(raw.slice(start), "latin1");
    const isUtf8 = Buffer.from(bytes.toString()).equals(bytes);
    const text = bytes.toString(isUtf8 ? "utf8" : "latin1").replace(COLOURS, "");
    const at = `@${index + 1}+${offset + start}`;
    offset += raw.length + 1;
    if (start < 0) continue;
    let value: unknown;
    try {
      value = isUtf8 ? JSON.parse(text) : undefined;
    } catch {}
    if (value !== undefined) {
      if ("event" in (value as object)) found.push(text);
    } else if (/"event"\s*:/.test(text)) found.push(`${isUtf8 ? "E_JSON" : "E_UTF8"}${at}`);
  }
  return found;
}
