// What counts as delivery, by another implementation of protobuf; what counts as a refusal of records.
import assert from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import { answerOf } from "../../host/forward/post.ts";
import { runs } from "../support/properties.ts";

/** What another implementation reads as OTLP's response, strictly. */
function readAsResponse(bytes: Uint8Array): boolean {
  const fields = (message: Uint8Array) => {
    const reader = protobuf.Reader.create(message);
    const found: { number: bigint; type: number; bytes: Uint8Array }[] = [];
    while (reader.pos < reader.len) {
      const tag = reader.uint64();
      const number = BigInt(String(tag)) >> 3n;
      const type = Number(BigInt(String(tag)) & 7n);
      if (number < 1n || number >= 2n ** 29n || type === 3 || type === 4) throw new Error("no message");
      const content = type === 2 ? reader.bytes() : new Uint8Array(0);
      if (type !== 2) reader.skipType(type);
      found.push({ number, type, bytes: content });
    }
    return found;
  };
  try {
    return fields(bytes).every(({ number, type, bytes: partial }) => {
      if (number > 2n) return true;
      if (number !== 1n || type !== 2) return false;
      return fields(partial).every((each) => {
        if (each.number === 1n) return each.type === 0;
        if (each.number > 2n) return true;
        return each.type === 2 && Buffer.from(Buffer.from(each.bytes).toString()).equals(each.bytes);
      });
    });
  } catch {
    return false;
  }
}

describe("an answer of a receiver", () => {
  it("of success is exactly OTLP's response, whatever else is answered", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fc.oneof(
          fc.uint8Array({ maxLength: 60 }),
          // More of these are messages.
          fc
            .array(fc.tuple(fc.constantFrom(8, 10, 16, 18, 26, 34), fc.uint8Array({ maxLength: 5 })), { maxLength: 4 })
            .map((fields) => {
              const inner = fields.flatMap(([tag, own]) => [
                tag,
                ...(tag % 8 === 0 ? [own[0] ?? 0] : [own.length, ...own]),
              ]);
              return Uint8Array.of(10, inner.length, ...inner);
            }),
        ),
        fc.boolean(),
        (status, bytes, isProtobuf) => {
          const headers = isProtobuf ? { "content-type": "application/x-protobuf" } : {};
          const answer = answerOf({ status, headers, body: Buffer.from(bytes) }, 0);
          if (status >= 300) assert.equal(answer.kind, [429, 502, 503, 504].includes(status) ? "later" : "refused");
          else if (bytes.length === 0) assert.equal(answer.kind, "taken");
          else assert.equal(answer.kind, isProtobuf && readAsResponse(bytes) ? "taken" : "refused");
          assert.doesNotMatch(answer.said, /[\p{Cc}\p{Cf}]/u);
          if (answer.kind === "taken") assert.ok(Number.isSafeInteger(answer.rejected) && answer.rejected >= 0);
        },
      ),
      runs(200_000, 3000),
    );
  });

  it("refuses records, and not the request, only by 413, and by 400 with OTLP's status", () => {
    const status = { 1: [0x08, 3], 2: [0x12, 2, 0x6e, 0x6f], 3: [0x1a, 0] };
    const answers: [string, string | Buffer, boolean][] = [
      ["application/x-protobuf", Buffer.from([...status[1], ...status[2], ...status[3]]), true],
      ["Application/Protobuf; x=y", Buffer.from(status[1]), true],
      ["application/x-protobuf", "", true],
      ["application/json", '{"code":3,"message":"no"}', true],
      ["application/json", '{"code":3,"message":"no","details":[]}', true],
      ["application/json", '{"message":"no"}', false],
      ["application/json", '{"code":3,"error":"no"}', false],
      ["application/json", "", false],
      ["application/json", "[3]", false],
      ["application/x-protobuf", Buffer.from([0x08, 3, 0x12]), false],
      ["application/x-protobuf", Buffer.from([0x0a, 1, 65]), false],
      ["application/x-protobuf", "no", false],
      ["text/plain", "no", false],
      ["text/html", Buffer.from(status[1]), false],
      ["", "", false],
    ];
    for (const [type, body, isOfRecords] of answers)
      for (const code of [400, 413, 422]) {
        const headers = type === "" ? {} : { "content-type": type };
        const answer = answerOf({ status: code, headers, body: Buffer.from(body) }, 0);
        assert.ok(answer.kind === "refused");
        assert.equal(answer.isOfRecords, code === 413 || (code === 400 && isOfRecords), `${code} ${type} ${body}`);
      }
  });
});
