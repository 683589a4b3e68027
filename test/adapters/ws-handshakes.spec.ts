// The adapter for `ws`: handshakes that are refused, broken or abandoned are answered as without it.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect as connectSocket } from "node:net";
import { WebSocket } from "ws";
import { client, closed, echo, next, same } from "../support/ws-scenes.ts";

describe("the adapter for ws", () => {
  it("records through noServer, and changes no answer to a wrong path", async () => {
    const events = await same({
      serve: echo,
      upgrade(stage, request, socket, head) {
        if (request.url !== "/ws") socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
        else
          stage.server.handleUpgrade(request, socket, head, (webSocket, upgraded) => {
            stage.log("server: upgraded", upgraded === request);
            assert.throws(() => stage.server.handleUpgrade(request, socket, head, () => undefined), /more than once/);
            stage.server.emit("connection", webSocket, upgraded);
          });
      },
      async drive({ url, log }) {
        const wrong = new WebSocket(`${url}/no`);
        wrong.on("error", () => undefined);
        const [, response] = (await once(wrong, "unexpected-response")) as [unknown, IncomingMessage];
        log("client:", response.statusCode);
        wrong.terminate();
        const webSocket = await client(`${url}/ws`);
        webSocket.send("x");
        log("client:", ...(await next(webSocket)));
      },
    });
    assert.deepEqual(events, [
      "1 ws.connect 127.0.0.1",
      "1 ws.connected",
      "1 msg.recv",
      "1 msg.send",
      "1 ws.disconnect 1006",
    ]);
  });

  it("changes no verifyClient and no handleProtocols; a refused handshake is a connect and a disconnect", async () => {
    const events = await same({
      options: {
        verifyClient: ({ req }, done) => setImmediate(() => done(req.url !== "/no", 403, "not you")),
        handleProtocols: (protocols) => (protocols.has("two") ? "two" : false),
      },
      serve: (webSocket, stage) => {
        echo(webSocket, stage);
        stage.log("server: protocol", webSocket.protocol);
      },
      async drive({ url, log }) {
        const refused = new WebSocket(`${url}/no`);
        refused.on("error", (error) => log("client: error", error.message));
        await new Promise((resolve) => refused.once("close", resolve));
        const webSocket = await client(url, ["one", "two"]);
        log("client: protocol", webSocket.protocol);
        webSocket.close();
        await closed(webSocket);
      },
    });
    assert.deepEqual(
      events.sort(),
      [
        "1 ws.connect 127.0.0.1",
        "1 ws.disconnect",
        "2 ws.connect 127.0.0.1",
        "2 ws.connected",
        "2 ws.disconnect 1005",
      ].sort(),
    );
  });

  it("records handshakes that are invalid, incomplete, or abandoned, each once", async () => {
    const request = (headers: string) =>
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`;
    const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
    const texts = [
      request(""), // no key: 400
      request("Sec-WebSocket-Key: x\r\n"),
      request(key), // and vanishes when it is answered
      request(key).slice(0, -2), // half a request: nothing has been requested yet
      "",
      "nonsense\r\n\r\n",
    ];
    const events = await same({
      serve: echo,
      async drive({ port, log }) {
        for (const text of texts) {
          const socket = connectSocket(port, "127.0.0.1");
          await once(socket, "connect");
          socket.on("error", () => undefined);
          socket.write(text);
          if (text.endsWith("\r\n\r\n")) log("client:", String((await once(socket, "data"))[0]).split("\r\n")[0]);
          socket.destroy();
          await once(socket, "close");
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
      },
    });
    assert.deepEqual(events.filter((event) => event.includes("ws.connect ")).length, 3, events.join("\n"));
    assert.deepEqual(events.filter((event) => event.endsWith("ws.connected")).length, 1, events.join("\n"));
    assert.deepEqual(events.filter((event) => event.includes("ws.disconnect")).length, 3, events.join("\n"));
  });
});
