// The adapter for `ws`: what it records, and that the server behaves as without it. Each behaviour is played twice and compared.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { Reason } from "xs-telemetry";
import { Listeners, type ListenersOptions, SUBPROTOCOL } from "xs-telemetry/listeners";
import { instrument } from "xs-telemetry/ws";
import { adapterTelemetry } from "../support/adapter-telemetry.ts";
import { readPacket } from "../support/bytes.ts";
import { ran, rounds } from "../support/campaign.ts";
import { until } from "../support/processes.ts";
import { client, closed, echo, next, play, same, without } from "../support/ws-scenes.ts";

describe("the adapter for ws", () => {
  it("records connects, handshakes, messages both ways and disconnects, and echoes are the same", async () => {
    const events = await same({
      serve: echo,
      async drive({ url, log }) {
        const webSocket = await client(url);
        for (const data of ['{"type":"getStatus"}', "", "é😀", Buffer.from('{"method":"binary"}'), Buffer.alloc(0)]) {
          webSocket.send(data);
          const [back, isBinary] = await next(webSocket);
          log("client:", back.toString("hex"), isBinary);
        }
        webSocket.close(1000, "bye");
        log("client: close", ...(await closed(webSocket)));
      },
    });
    const twice = (event: string) => [`1 msg.recv${event}`, `1 msg.send${event}`];
    assert.deepEqual(events, [
      "1 ws.connect 127.0.0.1",
      "1 ws.connected",
      ...[" getStatus", "", "", " binary", ""].flatMap(twice),
      "1 ws.disconnect 1000",
    ]);
  });

  it("changes no close code, from either side, nor what follows", async () => {
    const events = await same({
      serve(webSocket, stage) {
        echo(webSocket, stage);
        webSocket.on("message", (data) => {
          const word = String(data);
          if (word === "close") webSocket.close(4001, "server");
          if (word === "terminate") webSocket.terminate();
          if (word === "wrong") assert.throws(() => webSocket.close(1), TypeError);
          webSocket.send("late", (error) => stage.log("server: sent", error?.message));
        });
      },
      async drive({ url, log }) {
        for (const action of ["close", "terminate"]) {
          const webSocket = await client(url);
          const end = closed(webSocket);
          webSocket.send("wrong");
          webSocket.send(action);
          log("client: close", ...(await end));
        }
        for (const [code, reason] of [
          [1000, ""],
          [1001, "away"],
          [3000, "x".repeat(123)],
        ] as const) {
          const webSocket = await client(url);
          webSocket.close(code, reason);
          log("client: close", ...(await closed(webSocket)));
        }
        const webSocket = await client(url);
        webSocket.terminate();
        log("client: close", ...(await closed(webSocket)));
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    });
    // 1006: the socket was closed without a frame.
    assert.deepEqual(events.flatMap((event) => event.split("ws.disconnect ")[1] ?? []).sort(), [
      "1000",
      "1001",
      "1006",
      "1006",
      "3000",
      "4001",
    ]);
    // To each: the echo and "late" of "wrong", the echo of the second message; then the socket is closing.
    assert.deepEqual(
      without(events, "ws."),
      [1, 2].flatMap((id) => ["recv", "send", "send", "recv", "send"].map((what) => `${id} msg.${what}`)),
    );
  });

  it("changes no ping and no pong, and records none", async () => {
    const events = await same({
      serve(webSocket, stage) {
        echo(webSocket, stage);
        webSocket.on("ping", (data) => stage.log("server: ping", data));
        webSocket.on("pong", (data) => stage.log("server: pong", data));
        webSocket.ping("from the server");
      },
      async drive({ url, log }) {
        const webSocket = new WebSocket(url);
        const [data] = await once(webSocket, "ping");
        log("client: ping", data);
        webSocket.ping("from the client");
        log("client: pong", ...(await once(webSocket, "pong")));
        webSocket.close();
        await closed(webSocket);
      },
    });
    assert.deepEqual(events, ["1 ws.connect 127.0.0.1", "1 ws.connected", "1 ws.disconnect 1005"]);
  });

  it("records a message in fragments once, either way, in every binaryType", async () => {
    for (const binaryType of ["nodebuffer", "arraybuffer", "fragments"] as const) {
      const events = await same({
        serve(webSocket, { log }) {
          webSocket.binaryType = binaryType;
          webSocket.on("message", (data: RawData, isBinary) => {
            const size = Array.isArray(data) ? data.reduce((sum, part) => sum + part.length, 0) : data.byteLength;
            log("server:", Array.isArray(data) ? "parts" : data.constructor.name, size, isBinary);
            webSocket.send('{"type":"answer",', { fin: false });
            webSocket.send('"more":', { fin: false });
            webSocket.send("1}");
            webSocket.send(new Uint16Array([1, 2]).buffer);
          });
        },
        async drive({ url, log }) {
          const webSocket = await client(url);
          webSocket.send('{"type":"fra', { fin: false, binary: true });
          webSocket.send('gments"}', { fin: true, binary: true });
          log("client:", ...(await next(webSocket)));
          log("client:", ...(await next(webSocket)));
        },
      });
      // In "fragments" the type breaks off: only the first part is looked at.
      const received = binaryType === "fragments" ? "1 msg.recv" : "1 msg.recv fragments";
      assert.deepEqual(without(events, "ws."), [received, "1 msg.send answer", "1 msg.send"], binaryType);
    }
  });

  it("changes no error: invalid UTF-8, messages beyond a limit, wrong frames, wrong arguments", async () => {
    const frame = (...bytes: number[]) =>
      Buffer.from([bytes[0]!, 0x80 | (bytes.length - 1), 0, 0, 0, 0, ...bytes.slice(1)]);
    const raw = (webSocket: WebSocket) => (webSocket as unknown as { _socket: Duplex })._socket;
    const events = await same({
      options: { maxPayload: 1000 },
      serve(webSocket, stage) {
        echo(webSocket, stage);
        assert.throws(() => webSocket.send(Symbol("s") as unknown as string), TypeError);
        try {
          webSocket.send({} as unknown as string);
        } catch (error) {
          stage.log("server: send", (error as Error).message);
        }
      },
      async drive({ url, log }) {
        const actions: ((webSocket: WebSocket) => void)[] = [
          (webSocket) => raw(webSocket).write(frame(0x81, 0xff, 0xfe)),
          (webSocket) => webSocket.send("x".repeat(1001)),
          (webSocket) => raw(webSocket).write(frame(0x83, 1)),
          (webSocket) => raw(webSocket).write(frame(0x80, 1)),
          (webSocket) => raw(webSocket).write(Buffer.from([0x81, 0x01, 0x61])),
          (webSocket) => raw(webSocket).destroy(),
        ];
        for (const action of actions) {
          const webSocket = await client(url);
          webSocket.on("error", (error) => log("client: error", error.message));
          action(webSocket);
          log("client: close", ...(await closed(webSocket)));
        }
        const webSocket = await client(url);
        webSocket.send("x".repeat(1000));
        log("client:", ...(await next(webSocket)));
      },
    });
    assert.equal(events.filter((event) => event.includes("ws.disconnect")).length, 7);
    assert.deepEqual(without(events, "ws."), ["7 msg.recv", "7 msg.send"]);
  });

  it("changes no backpressure: callbacks come in order, bufferedAmount grows and falls", async () => {
    const count = 200;
    const events = await same({
      serve(webSocket, { log }) {
        webSocket.on("message", () => {
          let done = 0;
          for (let index = 0; index < count; index++)
            webSocket.send(Buffer.alloc(65_536, index), (error) => {
              assert.ok(!error, error?.message);
              if (++done === count) log("server: all sent", webSocket.bufferedAmount);
            });
          log("server: grew", webSocket.bufferedAmount > 1_000_000);
        });
      },
      async drive({ url, log }) {
        const webSocket = await client(url);
        let bytes = 0;
        const all = new Promise<void>((resolve) => {
          webSocket.on("message", (data: Buffer) => {
            bytes += data.length;
            if (bytes === count * 65_536) resolve();
          });
        });
        webSocket.pause();
        webSocket.send("go");
        await new Promise((resolve) => setTimeout(resolve, 50));
        webSocket.resume();
        await all;
        log("client: bytes", bytes);
        webSocket.close();
        await closed(webSocket);
      },
    });
    assert.equal(without(events, "ws.").length, 1 + count);
  });

  it("records a rejection with its reason, before the answer", async () => {
    const { events } = await play(true, {
      adapter: { payloads: true, clientId: () => 77 },
      serve(webSocket, { instrumented }) {
        webSocket.on("message", (data) => {
          if (String(data) === "no") assert.equal(instrumented!.reject(webSocket, Reason.authFailed), true);
          webSocket.send("answer");
          assert.equal(instrumented!.reject(webSocket, Reason.sizeLimit), false);
        });
      },
      async drive({ url, instrumented }) {
        const webSocket = await client(url);
        for (const word of ["yes", "no"]) {
          webSocket.send(word);
          await next(webSocket);
        }
        assert.equal(instrumented!.counters().lateRejections, 2);
      },
    });
    assert.deepEqual(without(events, "ws."), [
      "77 msg.recv yes",
      "77 msg.send answer",
      "77 msg.recv auth_failed no",
      "77 msg.send answer",
    ]);
  });

  it("records an address of IPv4 as such, also where the server listens on all of IPv6", async () => {
    const server = new WebSocketServer({ port: 0, host: "::" });
    await once(server, "listening");
    const { telemetry, events } = adapterTelemetry();
    instrument(server, telemetry);
    let shown: string | undefined;
    server.on("connection", (_, { socket }) => {
      shown = socket.remoteAddress;
    });
    const webSocket = await client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    webSocket.close();
    await closed(webSocket);
    server.close();
    await once(server, "close");
    assert.equal(shown, "::ffff:127.0.0.1");
    assert.equal(events()[0], "1 ws.connect 127.0.0.1");
  });

  it("is silent when it fails, and counts", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const fail = () => {
      throw new Error("of the options");
    };
    const { telemetry, events } = adapterTelemetry();
    const instrumented = instrument(server, telemetry, { clientId: fail, messageType: fail });
    const broken = { connect: fail, messageType: fail } as never;
    const failing = instrument(server, broken);
    server.on("connection", (webSocket) => webSocket.on("message", (data) => webSocket.send(data)));
    const webSocket = await client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    webSocket.send('{"type":"x"}');
    assert.equal(String((await next(webSocket))[0]), '{"type":"x"}');
    webSocket.close();
    await closed(webSocket);
    server.close();
    await once(server, "close");
    assert.deepEqual(events(), [
      "1 ws.connect 127.0.0.1",
      "1 ws.connected",
      "1 msg.recv",
      "1 msg.send",
      "1 ws.disconnect 1005",
    ]);
    assert.equal(instrumented.counters().failures, 3);
    assert.ok(failing.counters().failures >= 3);
  });

  it("survives thousands of connections in a row", async () => {
    const server = new WebSocketServer({ noServer: true });
    const { telemetry } = adapterTelemetry({ capacityBytes: 1024 });
    instrument(server, telemetry);
    const http = createServer();
    http.on("upgrade", (request, socket, head) => server.handleUpgrade(request, socket, head, () => undefined));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const { port } = http.address() as AddressInfo;
    const connections = rounds(10_000, 2000);
    let left = connections;
    const one = async () => {
      while (left-- > 0) {
        const webSocket = await client(`ws://127.0.0.1:${port}`);
        if (left % 2) webSocket.terminate();
        else webSocket.close();
        await closed(webSocket);
      }
    };
    await Promise.all(Array.from({ length: 20 }, one));
    while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
    const { emitted, drained, overwritten, discarded, pending } = telemetry.counters();
    assert.equal(emitted, 3 * connections);
    assert.equal(emitted, drained + overwritten + discarded + pending);
    ran("connections to a WebSocket server", connections);
  });

  describe("handing connections over to listeners", () => {
    const setUp = async (options: Partial<ListenersOptions> = {}) => {
      const { telemetry, events } = adapterTelemetry();
      const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
      await once(server, "listening");
      const instrumented = instrument(server, telemetry);
      const listeners = new Listeners({ telemetry, ...options });
      const connected = once(server, "connection") as Promise<[WebSocket]>;
      const webSocket = await client(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, [SUBPROTOCOL]);
      const [socket] = await connected;
      const end = async () => {
        listeners.close();
        webSocket.terminate();
        server.close();
        await once(server, "close");
      };
      return { telemetry, events, instrumented, listeners, webSocket, socket, end };
    };

    it("records that they came, and nothing of what they hear", async () => {
      const { events, instrumented, listeners, webSocket, socket, end } = await setUp();
      assert.deepEqual(events(), ["1 ws.connect 127.0.0.1", "1 ws.connected"]);
      instrumented.serve(socket, listeners);
      webSocket.send("");
      assert.deepEqual(String((await next(webSocket))[0]), "accepted");
      const [packet, isBinary] = await next(webSocket);
      assert.deepEqual([isBinary, readPacket(new Uint8Array(packet as Buffer)).records.length], [true, 3]);
      webSocket.send("alive");
      assert.deepEqual(String((await next(webSocket))[0]), "alive");
      assert.deepEqual(events(), ["1 ws.disconnect"]);
      webSocket.close();
      await until("its end", () => listeners.counters().listeners === 0);
      assert.deepEqual([events(), instrumented.counters().failures], [[], 0]);
      await end();
    });

    it("closes who says a binary message, who does not read, and counts what it cannot hand over", async () => {
      for (const isReading of [true, false]) {
        const { instrumented, listeners, webSocket, socket, end } = await setUp();
        if (!isReading) Object.defineProperty(socket, "bufferedAmount", { value: 131_073 });
        instrumented.serve(socket, listeners);
        webSocket.send("");
        webSocket.send(Buffer.from("taken"));
        await closed(webSocket);
        assert.deepEqual(
          [listeners.counters().failures, listeners.counters().packets],
          [1, 0],
          `${isReading ? "binary" : "too much waits"}`,
        );
        instrumented.serve(undefined as never, listeners);
        assert.equal(instrumented.counters().failures, 1);
        await end();
      }
    });
  });
});
