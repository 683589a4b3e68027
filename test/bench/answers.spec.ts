import { deepEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { answersTable } from "./answers.ts";
import type { Row } from "./rows.ts";

const row = (key: Partial<Row>): Row => ({
  engine: "xs-rv32",
  path: "native",
  event: "msg.recv",
  payloadChars: 0,
  scene: null,
  instructions: null,
  ns: null,
  allocatedBytes: null,
  recordBytes: null,
  ...key,
});

describe("what it costs, as docs/performance.md begins", () => {
  it("is what was measured, the one line less the server itself, and a dash for what was not", () => {
    const server = { event: "server", payloadChars: 21, scene: "four-types" } as const;
    const { rows } = answersTable(
      [
        row({ instructions: 679 }),
        row({ path: "JSON.stringify", instructions: 37215 }),
        row({ ...server, path: "disabled", instructions: 5733 }),
        row({ ...server, instructions: 10263 }),
      ],
      [
        {
          path: "native",
          bytecodeBytes: 6502,
          nativeBytes: 14013,
          emitterBytes: 468,
          readerBytes: 200,
          connectionBytes: 52,
        },
      ],
    );
    const cells = (beginning: string) => rows.find(([what]) => what!.startsWith(beginning))?.slice(1);
    deepEqual(cells("a call without payload, instructions, ESP32-C3"), ["679", "–", "37,215"]);
    deepEqual(cells("one line"), ["4,530", "–", "–"]);
    deepEqual(cells("flash"), ["20,515", "–", "–"]);
    deepEqual(cells("RAM in addition to the ring"), ["668", "–", "–"]);
    ok(rows.every((row) => row.length === 4));
  });

  it("comes first in the document, the goals last", () => {
    const headings = [...readFileSync("docs/performance.md", "utf8").matchAll(/^## (.+)$/gm)].map(([, text]) => text);
    deepEqual(headings[0], "What does it cost me?");
    deepEqual(headings.slice(-3), ["Figures to reach", "Figures not reached", "Tried and refused"]);
  });
});
