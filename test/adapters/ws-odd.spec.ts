// The adapter for `ws` in programs that do unusual things with servers and sockets: they run as without it.
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { WebSocket, WebSocketServer } from "ws";
import { instrument } from "xs-telemetry/ws";
import { adapterTelemetry } from "../support/adapter-telemetry.ts";
import { client, closed, echo, next, play, same, without } from "../support/ws-scenes.ts";

type Arguments = ConstructorParameters<typeof WebSocket>;

async function listening(server: WebSocketServer): Promise<string> {
  await once(server, "listening");
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Collects garbage, and lets finalizers run. */
async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let times = 0; times < 3; times++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    gc();
  }
}

describe("the adapter for ws, in odd programs", () => {
  it("returns what send of a subclass returns", async () => {
    class Promising extends WebSocket {
      override send(data: unknown): never {
        return new Promise<void>((resolve, reject) =>
          super.send(data as string, (error) => (error ? reject(error) : resolve())),
        ) as never;
      }
    }
    const events = await same({
      options: { WebSocket: Promising as never },
      serve(webSocket, { log }) {
        webSocket.on("message", async () => {
          log("server:", await (webSocket.send("x") as unknown as Promise<void>));
          webSocket.terminate();
          await (webSocket.send("y") as unknown as Promise<void>).catch(({ message }) => log("server:", message));
        });
      },
      async drive({ url }) {
        const webSocket = await client(url);
        webSocket.send("go");
        await closed(webSocket);
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    assert.deepEqual(without(events, "ws."), ["1 msg.recv", "1 msg.send"]);
  });

  it("hands on all that handleUpgrade of a subclass is given, and returns what that returns", async () => {
    const run = async (isInstrumented: boolean) => {
      const log: unknown[] = [];
      class Asking extends WebSocketServer {
        override handleUpgrade(...args: unknown[]): never {
          log.push(args[4]);
          const [request, socket, head, done] = args as [IncomingMessage, Duplex, Buffer, (...all: unknown[]) => void];
          super.handleUpgrade(request, socket, head, (webSocket, upgraded) => done(webSocket, upgraded, "more"));
          return "result" as never;
        }
      }
      const server = new Asking({ noServer: true });
      const { telemetry, events } = adapterTelemetry();
      if (isInstrumented) instrument(server, telemetry);
      const http = createServer().listen(0, "127.0.0.1");
      await once(http, "listening");
      http.on("upgrade", (...args) => {
        const done = (...given: unknown[]) => log.push(given.length, given[2]);
        log.push((server.handleUpgrade as (...all: unknown[]) => unknown)(...args, done, "fifth"));
      });
      const webSocket = await client(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
      webSocket.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      return { log, events: events() };
    };
    const plain = await run(false);
    const recorded = await run(true);
    assert.deepEqual(plain.log, ["fifth", 3, "more", "result"]);
    assert.deepEqual(recorded.log, plain.log);
    assert.deepEqual(recorded.events.slice(0, 2), ["1 ws.connect 127.0.0.1", "1 ws.connected"]);
  });

  it("lets send and emit be called with another this, and records what it knows", async () => {
    const events = await same({
      serve(webSocket, { log }) {
        webSocket.on("message", (data) => log("server:", data));
        webSocket.once("message", () => {
          new Proxy(webSocket, {}).send("by a proxy");
          (Object.create(webSocket) as WebSocket).send("by an heir");
          const { emit } = webSocket;
          emit.call(new EventEmitter() as WebSocket, "message", "to another", false);
          webSocket.send("by itself");
        });
      },
      async drive({ url, log }) {
        const webSocket = await client(url);
        webSocket.send("go");
        for (let count = 0; count < 3; count++) log("client:", ...(await next(webSocket)));
      },
    });
    assert.deepEqual(without(events, "ws."), ["1 msg.recv", "1 msg.send"]);
  });

  it("serves a class whose constructor returns a proxy", async () => {
    class Bound extends WebSocket {
      constructor(...args: Arguments) {
        super(...args);
        // biome-ignore lint/correctness/noConstructorReturn: this is the odd thing
        return new Proxy(this, {
          get(target, name) {
            const value = Reflect.get(target, name, target) as unknown;
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      }
    }
    await same({
      options: { WebSocket: Bound as never },
      serve: echo,
      async drive({ url, log }) {
        const webSocket = await client(url);
        webSocket.send("x");
        log("client:", ...(await next(webSocket)));
        webSocket.close();
        log("client: close", ...(await closed(webSocket)));
      },
    });
  });

  it("records clients that have gone before the server upgrades them, and keeps none of their sockets", async () => {
    const server = new WebSocketServer({ noServer: true });
    const { telemetry, events } = adapterTelemetry();
    instrument(server, telemetry);
    const http = createServer().listen(0, "127.0.0.1");
    await once(http, "listening");
    const sockets: WeakRef<Duplex>[] = [];
    http.on("upgrade", (request, socket, head) => {
      sockets.push(new WeakRef(socket));
      socket.on("error", () => undefined);
      socket.once("close", () => setImmediate(() => server.handleUpgrade(request, socket, head, () => undefined)));
    });
    const count = 10;
    for (let index = 0; index < count; index++) {
      const socket = connectSocket((http.address() as AddressInfo).port, "127.0.0.1");
      socket.write(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
      );
      await once(http, "upgrade");
      socket.resetAndDestroy();
      await once(socket, "close");
    }
    await new Promise((resolve) => http.close(resolve));
    await collect();
    const clients = Array.from({ length: count }, (_, index) => index + 1);
    assert.deepEqual(
      events(),
      clients.flatMap((id) => [`${id} ws.connect`, `${id} ws.disconnect`]), // a socket that has gone has no address
    );
    // The newest may still be in a register or on a stack.
    assert.ok(sockets.filter((socket) => socket.deref() !== undefined).length <= 1);
  });

  it("keeps no socket whose emit was replaced by one that goes past it", async () => {
    const sockets: WeakRef<WebSocket>[] = [];
    await play(true, {
      serve(webSocket) {
        sockets.push(new WeakRef(webSocket));
        webSocket.emit = function (this: WebSocket, ...args: unknown[]) {
          return (WebSocket.prototype.emit as (...all: unknown[]) => boolean).apply(this, args);
        };
      },
      async drive({ url, server, instrumented }) {
        for (let count = 0; count < 10; count++) {
          const webSocket = await client(url);
          webSocket.close();
          await closed(webSocket);
        }
        while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
        await collect();
        assert.ok(sockets.filter((socket) => socket.deref() !== undefined).length <= 1);
        assert.ok(instrumented);
      },
    });
    assert.equal(sockets.length, 10);
  });

  it("takes a handshake up again that the server threw over", async () => {
    let isFirst = true;
    const events = await same({
      options: {
        verifyClient: () => {
          isFirst = !isFirst;
          if (!isFirst) throw new Error("not now");
          return true;
        },
      },
      upgrade(stage, request, socket, head) {
        const done = (webSocket: WebSocket) => stage.server.emit("connection", webSocket, request);
        assert.throws(() => stage.server.handleUpgrade(request, socket, head, done), /not now/);
        stage.server.handleUpgrade(request, socket, head, done);
      },
      serve: echo,
      async drive({ url, log }) {
        const webSocket = await client(url);
        webSocket.send("x");
        log("client:", ...(await next(webSocket)));
        webSocket.close();
        await closed(webSocket);
      },
    });
    assert.deepEqual(events, [
      "1 ws.connect 127.0.0.1",
      "1 ws.connected",
      "1 msg.recv",
      "1 msg.send",
      "1 ws.disconnect 1005",
    ]);
  });

  it("leaves own methods and properties as they look, and lets an own method take itself away", async () => {
    class Once extends WebSocket {
      constructor(...args: Arguments) {
        super(...args);
        this.send = function (this: Once, ...rest: unknown[]): void {
          Reflect.deleteProperty(this, "send");
          (this.send as (...all: unknown[]) => void)(...rest);
        };
      }
    }
    for (const options of [{ WebSocket: Once as never }, {}]) {
      const events = await same({
        options,
        serve(webSocket, { log }) {
          const names = [];
          if (!Object.hasOwn(webSocket, "send")) for (const name in webSocket) names.push(name);
          log("server:", Object.keys(webSocket).join(), names.sort().join());
          webSocket.on("message", (data) => webSocket.send(data));
        },
        async drive({ url, log }) {
          const webSocket = await client(url);
          webSocket.send("x");
          log("client:", ...(await next(webSocket)));
        },
      });
      assert.deepEqual(without(events, "ws."), ["1 msg.recv", "1 msg.send"]);
    }
  });

  it("counts messages as ws does, whatever `fin` is, and finds the type in lists of numbers", async () => {
    const events = await same({
      serve(webSocket) {
        for (const fin of [false, 0, undefined, null, ""]) {
          webSocket.send("{", { fin: fin as boolean });
          webSocket.send('"type":"never"', { fin: fin as boolean });
          webSocket.send("}");
        }
        webSocket.send([...Buffer.from('{"type":"list"}')] as unknown as Buffer);
        webSocket.send(12 as unknown as string);
      },
      async drive({ url, log }) {
        const webSocket = await client(url);
        for (let count = 0; count < 7; count++) log("client:", ...(await next(webSocket)));
      },
    });
    assert.deepEqual(without(events, "ws."), [...Array(5).fill("1 msg.send"), "1 msg.send list", "1 msg.send"]);
  });

  it("fails in silence where a message is nothing that can be looked at", async () => {
    class Taking extends WebSocket {
      override send(data: DataView<ArrayBuffer>): void {
        super.send(data);
        structuredClone(data.buffer, { transfer: [data.buffer] });
      }
    }
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", WebSocket: Taking as typeof WebSocket });
    const { telemetry, events } = adapterTelemetry();
    const instrumented = instrument(server as unknown as WebSocketServer, telemetry);
    server.on("connection", (webSocket: WebSocket) => webSocket.send(new DataView(new ArrayBuffer(4))));
    const webSocket = new WebSocket(await listening(server as unknown as WebSocketServer));
    const [data] = (await once(webSocket, "message")) as [Buffer];
    assert.equal(data.length, 4);
    webSocket.terminate();
    server.close();
    assert.deepEqual(without(events(), "ws."), ["1 msg.send"]);
    assert.equal(instrumented.counters().failures, 1);
  });

  it("is taken off what can be changed if something cannot", async () => {
    await play(true, {
      async drive({ url, server, instrumented }) {
        await client(url);
        await client(url);
        const [first, second] = server.clients as Set<object>;
        const layer = Object.getPrototypeOf(first);
        Object.preventExtensions(first);
        const { failures } = instrumented!.counters();
        instrumented!.detach();
        assert.equal(instrumented!.counters().failures, failures + 1);
        assert.equal(Object.getPrototypeOf(first), layer);
        assert.equal(Object.getPrototypeOf(second), WebSocket.prototype);
        assert.ok(!Object.hasOwn(server, "handleUpgrade"));
        // In the form that play() expects.
        Object.assign(instrumented!, { counters: () => ({ failures: 0, lateRejections: 0 }) });
      },
    });
  });

  it("leaves nothing behind when two are taken off, in any order, and then records nothing", async () => {
    class Own extends WebSocket {
      constructor(...args: Arguments) {
        super(...args);
        const send = super.send.bind(this);
        this.send = send as typeof this.send;
      }
    }
    for (const first of [0, 1])
      for (const WebSocketClass of [WebSocket, Own]) {
        const server = new WebSocketServer({ port: 0, host: "127.0.0.1", WebSocket: WebSocketClass as never });
        const url = await listening(server);
        const both = [adapterTelemetry(), adapterTelemetry()];
        const adapters = both.map(({ telemetry }) => instrument(server, telemetry));
        await client(url);
        const [peer] = server.clients as unknown as Set<WebSocket>;
        const sends = Object.getOwnPropertyDescriptor(peer, "send");
        adapters[first]!.detach();
        for (const { events } of both) events();
        (await client(url)).terminate();
        assert.deepEqual(both[first]!.events(), []);
        assert.deepEqual(both[1 - first]!.events().slice(0, 2), ["2 ws.connect 127.0.0.1", "2 ws.connected"]);
        adapters[1 - first]!.detach();
        assert.ok(!Object.hasOwn(server, "handleUpgrade"), "handleUpgrade");
        assert.equal(Object.getPrototypeOf(peer), WebSocketClass.prototype);
        assert.ok(!Object.hasOwn(peer!, "emit"), "emit");
        assert.equal(Object.hasOwn(peer!, "send"), WebSocketClass === Own);
        if (sends) assert.match(String(peer!.send), /native code/, "the bound one that the class has made");
        (await client(url)).terminate();
        for (const each of server.clients as unknown as Set<WebSocket>) each.terminate();
        server.close();
        assert.deepEqual(
          both.map(({ events }) => events()),
          [[], []],
        );
      }
  });
});
