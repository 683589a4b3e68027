import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { type InputKind, inputKind, plainBytes } from "../../host/text/input-kind.ts";
import { runs } from "../support/properties.ts";

async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function read(bytes: Uint8Array, chunkBytes = 7): Promise<{ kinds: InputKind[]; text: string; error?: Error }> {
  const kinds: InputKind[] = [];
  const found: Uint8Array[] = [];
  const text = () => Buffer.concat(found).toString("latin1");
  try {
    for await (const chunk of plainBytes(chunksOf(bytes, chunkBytes), (kind) => kinds.push(kind))) found.push(chunk);
  } catch (error) {
    return { kinds, text: text(), error: error as Error };
  }
  return { kinds, text: text() };
}

const LOG = 'I (1) app: {"event":"x"}\r\nzweite Zeile: äöü 日本\r\n';
const PLAIN = Buffer.from(LOG).toString("latin1");
const utf16le = (text: string) => Buffer.from(`\ufeff${text}`, "utf16le");
const utf16be = (text: string) => utf16le(text).swap16();

describe("input kind", () => {
  it("gives what is packed in no way as it comes, byte for byte, from the first chunk on", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 40 }), async (bytes, chunk) => {
        fc.pre(inputKind(bytes, true) === "plain");
        assert.equal((await read(bytes, chunk)).text, Buffer.from(bytes).toString("latin1"));
      }),
      runs(20_000, 300),
    );
    const chunks = plainBytes(
      (async function* () {
        yield Buffer.from("I");
        throw new Error("not asked for");
      })(),
    );
    assert.deepEqual((await chunks.next()).value, Buffer.from("I"));
  });

  it("reads UTF-16 with a byte order mark, of both byte orders, cut anywhere", async () => {
    for (const chunk of [1, 2, 3, 64, 1000]) {
      assert.deepEqual(await read(utf16le(LOG), chunk), { kinds: ["utf-16le"], text: PLAIN });
      assert.deepEqual(await read(utf16be(LOG), chunk), { kinds: ["utf-16be"], text: PLAIN });
    }
    assert.deepEqual(await read(utf16le("")), { kinds: ["utf-16le"], text: "" });
  });

  it("unpacks gzip, of several members, and UTF-16 within it", async () => {
    const members = Buffer.concat([gzipSync(LOG), gzipSync(LOG)]);
    for (const chunk of [1, 5, 1000]) {
      assert.deepEqual(await read(members, chunk), { kinds: ["gzip"], text: PLAIN + PLAIN });
      assert.deepEqual(await read(gzipSync(utf16le(LOG)), chunk), { kinds: ["gzip", "utf-16le"], text: PLAIN });
    }
    assert.equal((await read(gzipSync(""))).text, "");
  });

  it("says where gzip is cut, damaged or followed by something else, and gives what comes before", async () => {
    const lines = LOG.repeat(4000);
    const packed = gzipSync(lines);
    const code = (error?: Error) => (error as { code?: string } | undefined)?.code;
    for (let length = 3; length < packed.length; length += Math.max(1, length >> 2)) {
      const cut = await read(packed.subarray(0, length), 50);
      assert.equal(code(cut.error), "E_GZIP", String(length));
      assert.ok(Buffer.from(lines).toString("latin1").startsWith(cut.text));
    }
    const most = await read(packed.subarray(0, -8), 50);
    assert.equal(most.text, Buffer.from(lines).toString("latin1"));
    assert.match((await read(Buffer.concat([packed, Buffer.from("no gzip")]), 1000)).error!.message, /damaged within/);
    const followed = await read(Buffer.concat([packed, Buffer.alloc(50)]), 1000);
    assert.equal(code(followed.error), "E_GZIP");
    assert.match(followed.error!.message, new RegExp(`followed by other bytes at byte ${packed.length}`));
    assert.equal(followed.text, Buffer.from(lines).toString("latin1"));
    const damaged = Buffer.from(packed);
    damaged[packed.length - 6]! ^= 1;
    assert.match((await read(damaged, 100)).error!.message, /damaged/);
  });

  it("unpacks what is small and becomes large in memory that is bounded", async () => {
    const zeros = gzipSync(Buffer.alloc(256 << 20));
    const before = process.memoryUsage().rss;
    let length = 0;
    let most = 0;
    for await (const chunk of plainBytes(chunksOf(zeros, 65_536))) {
      length += chunk.length;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    assert.equal(length, 256 << 20);
    assert.ok(most < 100 << 20, `${most >> 20} MB`);
  });

  it("leaves a line that begins with the same bytes, and is not text, as it is", async () => {
    for (const bytes of [
      [0xff, 0xfe, 0x00, 0x05, 0xc1, 0x1f],
      [0xff, 0xfe, 0x00, 0x00, 0x41, 0x00],
      [0xfe, 0xff, 0xff, 0xff],
      [0x1f, 0x8b, 0x07, 0x00],
      [0xff],
      [0x1f],
    ])
      assert.equal((await read(Uint8Array.from(bytes), 1)).text, Buffer.from(bytes).toString("latin1"));
  });

  it("fails as the source fails", async () => {
    const failing = async function* () {
      yield gzipSync(LOG).subarray(0, 20);
      throw new Error("unplugged");
    };
    await assert.rejects(async () => {
      for await (const _ of plainBytes(failing()));
    }, /unplugged/);
  });
});
