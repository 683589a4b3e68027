// Deflate bombs against the adapter for `ws`: limiting inflation is the task of `ws`. The adapter records their
// beginning, and its counts stay exact.
import { deepEqual, ok } from "node:assert/strict";
import type { Socket } from "node:net";
import { constants, deflateRawSync } from "node:zlib";
import type { WebSocket } from "ws";
import { client, closed, next, same } from "../support/ws-scenes.ts";

const MEGABYTE = 1 << 20;
const BOMB_BYTES = 16 * MEGABYTE;
const TEXT = 1;
const BINARY = 2;

/** A frame of a client that inflates to these bytes, with permessage-deflate. */
function deflated(bytes: Buffer, opcode: number): Buffer {
  const content = deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const header = Buffer.alloc(14); // its mask is zeros
  header[0] = 0xc0 | opcode;
  header[1] = 0xff;
  header.writeBigUInt64BE(BigInt(content.length), 2);
  return Buffer.concat([header, content]);
}

const throwAt = (webSocket: WebSocket, bytes: Buffer) =>
  (webSocket as unknown as { _socket: Socket })._socket.write(bytes);

describe("the adapter for ws, under deflate bombs", () => {
  const zeros = deflated(Buffer.alloc(BOMB_BYTES), BINARY);
  const spaces = Buffer.alloc(BOMB_BYTES, " ");
  const texts = ['{"type":"front","pad":"', '["'].map((begin) => Buffer.concat([Buffer.from(begin), spaces]));

  it("records what ws refuses as nothing but the end of its connection", async () => {
    ok(zeros.length < BOMB_BYTES / 500, `${zeros.length} bytes on the wire`);
    const events = await same({
      options: { perMessageDeflate: true, maxPayload: MEGABYTE },
      serve(webSocket, { log }) {
        webSocket.on("message", () => log("server: a message"));
        webSocket.on("error", ({ message }) => log("server:", message));
      },
      async drive({ url, log }) {
        for (const bytes of [zeros, deflated(texts[0]!, TEXT)]) {
          const webSocket = await client(url);
          webSocket.on("error", () => {});
          throwAt(webSocket, bytes);
          log("client:", (await closed(webSocket))[0]);
        }
      },
    });
    const each = (id: number) => [`${id} ws.connect 127.0.0.1`, `${id} ws.connected`, `${id} ws.disconnect 1006`];
    deepEqual(events, [...each(1), ...each(2)]);
  });

  it("records the beginning of what ws takes, and looks for a type no further", async () => {
    const events = await same({
      options: { perMessageDeflate: true, maxPayload: 2 * BOMB_BYTES },
      adapter: { payloads: true },
      serve(webSocket, { log }) {
        webSocket.on("message", (data: Buffer, isBinary) => {
          log("server:", data.length, isBinary);
          webSocket.send("taken");
        });
      },
      async drive({ url, log }) {
        for (const bytes of [zeros, ...texts.map((text) => deflated(text, TEXT))]) {
          const webSocket = await client(url);
          throwAt(webSocket, bytes);
          log("client:", String((await next(webSocket))[0]));
          webSocket.terminate();
          await closed(webSocket);
        }
      },
    });
    const received = events.filter((line) => line.includes("msg.recv"));
    const padding = " ".repeat(77);
    deepEqual(received.slice(1), [
      `2 msg.recv front {"type":"front","pad":"${padding}`,
      `3 msg.recv ["${" ".repeat(98)}`,
    ]);
    ok(/^1 msg\.recv .{99}$/.test(received[0]!), received[0]);
  });
});
