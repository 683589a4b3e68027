import assert from "node:assert/strict";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { registry } from "../../host/generated/registry.ts";
import { type Extracted, extract } from "../../host/text/extract.ts";
import { Validator } from "../../host/validate/validate.ts";

/** Serial logs and traces of a real device. They are not part of the project: without them there is nothing to test. */
const FOLDER = resolve(process.env.XS_TELEMETRY_CAPTURES ?? "../shared/captures");

type Found = [line: number, code: string, attribute: string | null];

async function extracted(file: string): Promise<Extracted[]> {
  const found: Extracted[] = [];
  for await (const each of extract(createReadStream(join(FOLDER, file)))) found.push(each);
  return found;
}

function eventsOf(found: Extracted[]): unknown[] {
  return found.flatMap((each) => (each.kind === "event" ? [JSON.parse(each.text)] : []));
}

function linesOf(file: string): string[] {
  return readFileSync(join(FOLDER, file), "utf8").trimEnd().split("\n");
}

async function validated(file: string): Promise<{ found: Found[]; events: number; isValid: boolean }> {
  const validator = new Validator({ registries: [registry] });
  const found: Found[] = [];
  for await (const { line, code, attribute } of validator.lines(createReadStream(join(FOLDER, file)))) {
    found.push([line, code, attribute]);
  }
  return { found, events: validator.eventCount, isValid: validator.isValid };
}

describe("captures of a real device", () => {
  if (!existsSync(FOLDER)) {
    it(`are not at ${FOLDER} (XS_TELEMETRY_CAPTURES names another folder): nothing is tested here`, () => {});
    return;
  }

  it("give 57 good telemetry lines and no broken one in ota_ws_happy_path_raw.txt: those of its trace", async () => {
    const found = await extracted("ota_ws_happy_path_raw.txt");
    assert.deepEqual(
      found.filter(({ kind }) => kind !== "event"),
      [],
    );
    const trace = linesOf("ota_ws_happy_path.jsonl").map((line) => JSON.parse(line));
    assert.equal(trace.length, 57);
    assert.deepEqual(eventsOf(found), trace);
  });

  it("give 3 good telemetry lines and 16 broken ones in zones_happy_path_raw.txt, each named by its line", async () => {
    const found = await extracted("zones_happy_path_raw.txt");
    const trace = linesOf("zones_happy_path.jsonl").map((line) => JSON.parse(line));
    // The good ones carry no payload: two connects and the disconnect between them.
    assert.deepEqual(eventsOf(found), [trace[0], trace[4], trace[5]]);

    // The payload is printed unescaped, and every msg.recv has one.
    const raw = readFileSync(join(FOLDER, "zones_happy_path_raw.txt"), "latin1");
    const expected: { line: number; offsetBytes: number }[] = [];
    let offsetBytes = 0;
    for (const [index, line] of raw.split("\n").entries()) {
      if (line.startsWith('{"event":"msg.recv"')) expected.push({ line: index + 1, offsetBytes });
      offsetBytes += line.length + 1;
    }
    assert.equal(expected.length, 16);
    const broken = found.flatMap((each) => (each.kind === "broken" ? [each.problem] : []));
    assert.deepEqual(
      broken.map(({ line, offsetBytes }) => ({ line, offsetBytes })),
      expected,
    );
    for (const { code, message } of broken) {
      assert.equal(code, "E_JSON");
      assert.match(message, /position \d+.*"payloadSummary":"\{"type":"/);
    }
  });

  it("are validated line by line: happy_path.jsonl has no schemaVersion anywhere, and an ip on its disconnect", async () => {
    assert.deepEqual(await validated("happy_path.jsonl"), {
      events: 7,
      isValid: false,
      found: [
        [1, "E_MISSING", "schemaVersion"],
        [2, "E_MISSING", "schemaVersion"],
        [3, "E_MISSING", "schemaVersion"],
        [4, "E_MISSING", "schemaVersion"],
        [5, "E_MISSING", "schemaVersion"],
        [6, "E_MISSING", "schemaVersion"],
        [7, "W_UNDECLARED", "ip"],
        [7, "E_MISSING", "schemaVersion"],
      ],
    });
  });

  it("are validated line by line: the disconnect in zones_happy_path.jsonl, line 5, is the one at fault", async () => {
    assert.deepEqual(await validated("zones_happy_path.jsonl"), {
      events: 19,
      isValid: false,
      found: [
        [5, "W_UNDECLARED", "ip"],
        [5, "E_MISSING", "schemaVersion"],
      ],
    });
  });

  it("are validated line by line: ota_ws_happy_path.jsonl is valid, with two warnings", async () => {
    assert.deepEqual(await validated("ota_ws_happy_path.jsonl"), {
      events: 57,
      isValid: true,
      found: [
        [1, "W_UNDECLARED", "result"],
        // 127 bytes, cut inside a JSON string.
        [5, "W_TEXT_LENGTH", "payloadSummary"],
      ],
    });
  });
});
