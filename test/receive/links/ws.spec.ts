import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { openWsLink, type WsLinkOptions } from "../../../host/receive/links/ws.ts";
import { Authority } from "../../support/certificates.ts";
import { RecordedEvents, refused } from "../../support/link-events.ts";
import { mixedPackets } from "../../support/packets.ts";
import { freePort, until } from "../../support/processes.ts";

const PACKETS = mixedPackets().map(({ bytes }) => bytes);
const hex = (packets: readonly Uint8Array[]) => packets.map((packet) => Buffer.from(packet).toString("hex"));
const handed = (events: RecordedEvents) => hex(events.packets.map(({ packet }) => packet));

/** A board, written from docs/links.md: it sends packets, one at a time, and keeps the one that was not acknowledged. */
class Board {
  readonly server: WebSocketServer;
  readonly heard: string[] = [];
  sockets: WebSocket[] = [];
  queue: (Uint8Array | string)[] = [];
  /** Sent instead of the answer to the token. */
  answer = "accepted";
  answersSigns = true;
  /** Takes this many acknowledgements, then the connection breaks. */
  hangsUpAfter = Number.POSITIVE_INFINITY;

  constructor(options: ConstructorParameters<typeof WebSocketServer>[0]) {
    this.server = new WebSocketServer(options);
    this.server.on("connection", (socket) => this.#accept(socket));
  }

  static async on(port = 0): Promise<Board> {
    const board = new Board({ port, host: "127.0.0.1" });
    await once(board.server, "listening");
    return board;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.terminate();
    this.server.close();
    await once(this.server, "close");
  }

  give(...messages: (Uint8Array | string)[]): void {
    const isIdle = this.queue.length === 0;
    this.queue.push(...messages);
    if (isIdle) this.#send(this.sockets.at(-1));
  }

  #send(socket: WebSocket | undefined): void {
    while (typeof this.queue[0] === "string") socket?.send(this.queue.shift()!); // a text is not acknowledged
    if (this.queue.length > 0) socket?.send(this.queue[0]!);
  }

  #accept(socket: WebSocket): void {
    this.sockets.push(socket);
    let isFirst = true;
    socket.on("error", () => {});
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      this.heard.push(text);
      if (isFirst) {
        isFirst = false;
        if (this.answer === "") return;
        socket.send(this.answer);
        if (this.answer !== "accepted") socket.close();
        else this.#send(socket);
      } else if (text === "alive") {
        if (this.answersSigns) socket.send("alive");
      } else if (this.hangsUpAfter-- === 0) socket.terminate();
      else {
        this.queue.shift();
        this.#send(socket);
      }
    });
  }
}

describe("the WebSocket link", () => {
  const open = (options: WsLinkOptions, events = new RecordedEvents()) =>
    openWsLink({ retryMs: 20, ...options }, events);
  let board: Board;
  beforeEach(async () => {
    board = await Board.on();
  });
  afterEach(() => board.close());

  it("asks for the subprotocol, says its token, hands on a packet a message, and acknowledges each", async () => {
    const events = new RecordedEvents();
    const link = await open({ url: `${board.url}/telemetry?a=b`, token: "s3cret" }, events);
    assert.equal(link.description, board.url);
    board.give(...PACKETS);
    await until("all packets", () => events.packets.length === PACKETS.length);
    await until("all acknowledgements", () => board.heard.length === PACKETS.length + 1);
    assert.deepEqual(board.heard, ["s3cret", ...PACKETS.map(() => "taken")]);
    assert.equal(board.sockets[0]!.protocol, "xs-telemetry");
    assert.deepEqual(new Set(events.packets.map(({ device }) => device)), new Set([undefined]));
    assert.deepEqual(handed(events), hex(PACKETS));
    assert.deepEqual([events.problems, events.said], [[], []]);
    await link.close();
    await link.close();
    await link.ended;
    await until("the connection to end", () => board.sockets[0]!.readyState === 3);
  });

  it("says an empty token if it has none", async () => {
    const link = await open({ url: board.url });
    assert.deepEqual(board.heard, [""]);
    await link.close();
  });

  it("names messages that cannot be packets, and goes on", async () => {
    const events = new RecordedEvents();
    const link = await open({ url: board.url }, events);
    board.give(new Uint8Array(0), "hello", new Uint8Array(20), PACKETS[0]!);
    await until("the packet", () => events.packets.length === 1);
    assert.deepEqual(
      events.problems.map(({ problem: { code, message } }) => [code, /of (\d+) bytes/.exec(message)?.[1]]),
      [
        ["E_MESSAGE", "0"],
        ["E_MESSAGE", "5"],
        ["E_MESSAGE", "20"],
      ],
    );
    await link.close();
  });

  it("names a message that is longer than any packet, which ends the connection, and comes back", async () => {
    const events = new RecordedEvents();
    const link = await open({ url: board.url }, events);
    board.give(new Uint8Array(65_537));
    await until("the loss to be said", () => events.said.length === 1);
    board.queue = [PACKETS[0]!];
    await until("the packet", () => events.packets.length === 1);
    assert.equal(events.problems[0]?.problem.code, "E_MESSAGE");
    assert.match(events.problems[0]!.problem.message, /payload size exceeded: not a packet; the connection is closed/);
    await link.close();
  });

  it("leaves a server that sends and sends, and reads nothing: acknowledgements do not heap up", async () => {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(server, "listening");
    const sockets: WebSocket[] = [];
    server.on("connection", (socket, request) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.once("message", () => {
        socket.send("accepted");
        request.socket.pause();
        const flood = (): void => {
          if (socket.readyState !== socket.OPEN) return;
          for (let sent = 0; sent < 5000; sent++) socket.send(PACKETS[0]!.subarray(0, 20));
          setTimeout(flood, socket.bufferedAmount > 1_000_000 ? 20 : 0);
        };
        flood();
      });
    });
    const events = new RecordedEvents();
    const link = await open(
      { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, retryMs: 100_000 },
      events,
    );
    const isUnread = () => events.problems.some(({ problem }) => /it sends but does not read/.test(problem.message));
    await until("the server to be left", isUnread);
    await until("the loss to be said", () => events.said.length === 1);
    await link.close();
    for (const socket of sockets) socket.terminate();
    server.close();
    await once(server, "close");
  });

  it("acknowledges a packet only when it was taken: what was not is the board's still", async () => {
    const events = new RecordedEvents();
    events.refuseWith = new Error("disk full");
    const link = await open({ url: board.url }, events);
    board.give(...PACKETS.slice(0, 2));
    await assert.rejects(link.ended, /disk full/);
    await until("the connection to end", () => board.sockets[0]!.readyState === 3);
    assert.deepEqual(board.heard, [""]);
    assert.equal(board.queue.length, 2);
  });

  it("gets a packet again whose acknowledgement was lost with the connection", async () => {
    const events = new RecordedEvents();
    const link = await open({ url: board.url }, events);
    board.hangsUpAfter = 2;
    board.give(...PACKETS.slice(0, 4));
    await until("the third again, and the fourth", () => events.packets.length === 5);
    assert.deepEqual(handed(events), hex([0, 1, 2, 2, 3].map((index) => PACKETS[index]!)));
    await link.close();
  });

  it("comes back when the server was restarted, the later the longer it is away, says so once, and goes on", async () => {
    const events = new RecordedEvents();
    const { port } = board;
    const link = await open({ url: board.url, token: "t" }, events);
    await board.close();
    await until("the loss to be said", () => events.said.length === 1);
    assert.match(
      events.said[0]!,
      /^ws:\/\/127\.0\.0\.1:\d+ is gone, or closed the connection; trying again after 0\.02 s, .*down to every 0\.64 s$/,
    );
    // Attempts reach a server that hangs up, each later than the previous one.
    const times: number[] = [];
    const hostile = createServer((socket) => {
      times.push(performance.now());
      socket.destroy();
    }).listen(port, "127.0.0.1");
    await until("some attempts", () => times.length === 6);
    const first = times[1]! - times[0]!;
    assert.ok(times[5]! - times[4]! > first, `they grow: ${times.join()}`);
    hostile.close();
    await once(hostile, "close");
    board = await Board.on(port);
    await until("the return to be said", () => events.said.length === 2);
    assert.match(events.said[1]!, /is back$/);
    board.give(PACKETS[0]!);
    await until("a packet", () => events.packets.length === 1);
    await link.close();
    await link.ended;
  });

  it("leaves a server that is silent, and comes back", async () => {
    const events = new RecordedEvents();
    board.answersSigns = false;
    const link = await open({ url: board.url, aliveMs: 10 }, events);
    await until("the loss to be said", () => events.said.length > 0);
    assert.deepEqual(board.heard.slice(0, 4), ["", "alive", "alive", "alive"]);
    board.answersSigns = true;
    await until("the return to be said", () => events.said.length > 1);
    const signs = () => board.heard.filter((text) => text === "alive").length;
    const before = signs();
    await until("signs that are answered", () => signs() > before + 10);
    await link.close();
  });

  it("waits for a place that its predecessor still has, and ends when its token is refused later", async () => {
    const events = new RecordedEvents();
    const link = await open({ url: board.url, token: "old" }, events);
    board.answer = "refused: busy";
    board.sockets[0]!.terminate();
    await until("the second loss", () => board.sockets.length > 3);
    assert.equal(events.said.length, 2);
    assert.match(events.said[1]!, /has as many listeners as it allows: .*; trying again$/);
    board.answer = "refused: token";
    await assert.rejects(link.ended, /E_SERVER_REFUSED|refuses the token/);
  });

  it("can be closed while it waits, and while it tries", async () => {
    for (const attempts of [0, 1]) {
      const events = new RecordedEvents();
      const link = await open({ url: board.url, retryMs: attempts === 0 ? 100_000 : 10 }, events);
      const { port } = board;
      await board.close();
      await until("the loss", () => events.said.length === 1);
      const mute = createServer(() => {}).listen(port, "127.0.0.1");
      let tried = 0;
      const sockets: Socket[] = [];
      mute.on("connection", (socket) => {
        tried++;
        sockets.push(socket);
      });
      await until("the attempt", () => tried === attempts);
      await link.close();
      await link.ended;
      for (const socket of sockets) socket.destroy();
      mute.close();
      await once(mute, "close");
      board = await Board.on(port);
    }
  });

  describe("refuses, and says what to do:", () => {
    it("a URL that is invalid, or has a secret", async () => {
      const cases: [string, RegExp][] = [
        ["hunter2", /not a URL: expected one such as ws:/],
        ["http://board", /begins with "http:"/],
        ["ws://user:hunter2@board", /XS_TELEMETRY_WS_TOKEN/],
        ["ws://board#hash", /ends with "#hash"/],
      ];
      for (const [url, message] of cases)
        assert.doesNotMatch(await refused(open({ url }), "E_URL", message), /hunter2/);
      await refused(open({ url: "ws://board", ca: "x" }), "E_URL", /--ca is for TLS/);
    });

    it("a token that no board has", async () => {
      for (const token of ["two words", "é", "x".repeat(65), "line\n"])
        assert.doesNotMatch(
          await refused(open({ url: board.url, token }), "E_TOKEN", /1 to 64 characters of visible ASCII/),
          /two|é|xxx/,
        );
    });

    it("a token that is another one, or lacks", async () => {
      board.answer = "refused: token";
      await refused(
        open({ url: board.url, token: "w" }),
        "E_SERVER_REFUSED",
        /refuses the token in XS_TELEMETRY_WS_TOKEN/,
      );
      await refused(open({ url: board.url }), "E_SERVER_REFUSED", /asks for a token: .*XS_TELEMETRY_WS_TOKEN/);
    });

    it("a server that has no place", async () => {
      board.answer = "refused: busy";
      await refused(open({ url: board.url }), "E_SERVER_BUSY", /as many listeners as it allows: .* after 30 s/);
    });

    it("a server that speaks something else, or nothing", async () => {
      board.answer = "hello";
      await refused(open({ url: board.url }), "E_SERVER_REFUSED", /something other than telemetry: .*serve\(\)/);
      board.answer = "";
      await refused(open({ url: board.url, greetingMs: 50 }), "E_SERVER", /has not answered for 0\.05 s/);
      const plain = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => false });
      await once(plain, "listening");
      const { port } = plain.address() as AddressInfo;
      await refused(open({ url: `ws://127.0.0.1:${port}` }), "E_SERVER_REFUSED", /the subprotocol xs-telemetry/);
      plain.close();
    });

    it("HTTP without WebSockets, a port where nothing listens, a host that does not exist", async () => {
      let status = 404;
      const http = createHttpServer((_, response) => response.writeHead(status).end()).listen(0, "127.0.0.1");
      await once(http, "listening");
      const { port } = http.address() as AddressInfo;
      await refused(open({ url: `ws://127.0.0.1:${port}/x` }), "E_SERVER_REFUSED", /HTTP status 404/);
      status = 503;
      await refused(open({ url: `ws://127.0.0.1:${port}/x` }), "E_SERVER", /HTTP status 503/);
      http.close();
      await refused(
        open({ url: `ws://127.0.0.1:${await freePort()}` }),
        "E_SERVER",
        /nothing listens there: start the server/,
      );
      await refused(open({ url: "ws://no-such-host.invalid" }), "E_SERVER", /address/);
    });
  });

  describe("over TLS", () => {
    let authority: Authority;
    before(() => {
      authority = new Authority();
    });
    after(() => authority.close());

    async function secure(host: string, days?: number) {
      const { cert, key } = authority.sign(host, days);
      const https = createHttpsServer({ cert: readFileSync(cert), key: readFileSync(key) }).listen(0, "127.0.0.1");
      await once(https, "listening");
      const secured = new Board({ server: https });
      const { port } = https.address() as AddressInfo;
      return { secured, url: `wss://127.0.0.1:${port}`, plain: `ws://127.0.0.1:${port}`, close: () => https.close() };
    }

    it("trusts the authority that --ca names", async () => {
      const { secured, url, close } = await secure("IP:127.0.0.1");
      const events = new RecordedEvents();
      const link = await open({ url, ca: authority.cert }, events);
      secured.give(PACKETS[0]!);
      await until("a packet", () => events.packets.length === 1);
      await link.close();
      close();
    });

    it("refuses certificates that nobody vouches for, of others, and of yesterday, and ports of the other kind", async () => {
      const good = await secure("IP:127.0.0.1");
      await refused(
        open({ url: good.url }),
        "E_TLS",
        /signed by an authority that this machine does not trust: .*--ca FILE/,
      );
      await refused(open({ url: good.plain }), "E_SERVER", /if that port speaks TLS, write wss:/);
      await refused(open({ url: board.url.replace("ws:", "wss:"), ca: authority.cert }), "E_TLS", /ws:\/\/ is without/);
      const other = await secure("DNS:board.example");
      await refused(
        open({ url: other.url, ca: authority.cert }),
        "E_TLS",
        /for DNS:board\.example: use a name that it is for/,
      );
      const old = await secure("IP:127.0.0.1", -1);
      await refused(open({ url: old.url, ca: authority.cert }), "E_TLS", /expired/);
      for (const { close } of [good, other, old]) close();
      await refused(open({ url: good.url, ca: good.url }), "E_NOT_FOUND", /no such file/);
    });
  });
});
