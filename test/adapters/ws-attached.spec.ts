// The adapter for `ws`: attached and removed, on sockets that other code has changed.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { instrument } from "xs-telemetry/ws";
import { adapterTelemetry } from "../support/adapter-telemetry.ts";
import { client, echo, next, play } from "../support/ws-scenes.ts";

describe("the adapter for ws", () => {
  it("leaves nothing behind when it is taken off", async () => {
    await play(true, {
      serve: echo,
      async drive({ url, server, instrumented }) {
        const webSocket = await client(url);
        const [peer] = server.clients;
        const { prototype } = WebSocket;
        assert.ok(Object.hasOwn(server, "handleUpgrade") && peer!.send !== prototype.send, "attached");
        assert.ok(peer instanceof WebSocket && peer.constructor === WebSocket, "still a WebSocket");
        instrumented!.detach();
        instrumented!.detach();
        assert.ok(!Object.hasOwn(server, "handleUpgrade"), "handleUpgrade");
        assert.equal(Object.getPrototypeOf(peer), prototype);
        for (const name of ["send", "emit"]) assert.ok(!Object.hasOwn(peer!, name), name);
        webSocket.send("x");
        await next(webSocket);
        await client(url);
      },
    }).then(({ events }) => assert.deepEqual(events, ["1 ws.connect 127.0.0.1", "1 ws.connected"]));
  });

  /** With its own `emit` and `send` on each socket, as another tool may put them there. */
  class Own extends WebSocket {
    readonly seen: string[] = [];
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      this.emit = (name: string, ...rest: unknown[]) => {
        this.seen.push(name);
        return super.emit(name, ...rest);
      };
      Object.defineProperty(this, "send", { value: super.send, configurable: true, writable: false });
    }
  }

  it("records sockets with methods of their own, and gives them back", async () => {
    const { events } = await play(true, {
      options: { WebSocket: Own as never },
      serve: echo,
      async drive({ url, server, instrumented }) {
        const webSocket = await client(url);
        const [peer] = server.clients as unknown as Set<Own>;
        webSocket.send('{"type":"a"}');
        await next(webSocket);
        instrumented!.detach();
        assert.equal(Object.getPrototypeOf(peer), Own.prototype);
        assert.deepEqual(Object.getOwnPropertyDescriptor(peer, "send"), {
          value: WebSocket.prototype.send,
          configurable: true,
          enumerable: false,
          writable: false,
        });
        assert.ok(Object.hasOwn(peer!, "emit") && peer!.seen.includes("message"), peer!.seen.join());
      },
    });
    assert.deepEqual(events, ["1 ws.connect 127.0.0.1", "1 ws.connected", "1 msg.recv a", "1 msg.send a"]);
  });

  it("leaves a socket as it is that cannot be changed, and counts it", async () => {
    class Sealed extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        Object.preventExtensions(this);
      }
    }
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", WebSocket: Sealed as typeof WebSocket });
    const { telemetry, events } = adapterTelemetry();
    const instrumented = instrument(server as unknown as WebSocketServer, telemetry);
    server.on("connection", (webSocket) => webSocket.on("message", (data) => webSocket.send(data)));
    await once(server, "listening");
    const webSocket = await client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    webSocket.send("x");
    await next(webSocket);
    webSocket.terminate();
    server.close();
    assert.deepEqual(events(), ["1 ws.connect 127.0.0.1", "1 ws.connected"]);
    assert.equal(instrumented.counters().failures, 1);
  });

  it("can be put on twice, and taken off in any order", async () => {
    for (const first of [0, 1]) {
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      const both = [adapterTelemetry(), adapterTelemetry()];
      const adapters = both.map(({ telemetry }) => instrument(server, telemetry));
      server.on("connection", (webSocket) => webSocket.on("message", (data) => webSocket.send(data)));
      await once(server, "listening");
      const webSocket = await client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
      for (const adapter of [adapters[first]!, adapters[1 - first]!]) {
        webSocket.send("x");
        await next(webSocket);
        adapter.detach();
      }
      webSocket.send("x");
      await next(webSocket);
      webSocket.terminate();
      server.close();
      const message = ["1 msg.recv", "1 msg.send"];
      const begun = ["1 ws.connect 127.0.0.1", "1 ws.connected", ...message];
      assert.deepEqual([both[first]!.events(), both[1 - first]!.events()], [begun, [...begun, ...message]]);
    }
  });
});
