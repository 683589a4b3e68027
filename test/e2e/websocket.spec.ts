// A WebSocket server that gives its telemetry to any client that asks for it, and the commands that listen: connections break, both ends die.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket, WebSocketServer } from "ws";
import { Telemetry, type TelemetryOptions } from "xs-telemetry";
import { Listeners, type ListenersOptions, SUBPROTOCOL } from "xs-telemetry/listeners";
import { instrument } from "xs-telemetry/ws";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import { Run } from "../support/command.ts";
import { gathered } from "../support/decoded.ts";
import { endCapture, startCapture } from "../support/ends.ts";
import { freePort, pause, until } from "../support/processes.ts";

/** A board that numbers its events by their clients. */
class Board {
  readonly telemetry: Telemetry;
  readonly listeners: Listeners;
  emitted = 0;
  server: WebSocketServer | undefined;
  readonly #port: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(port: number, options: Partial<ListenersOptions> = {}, telemetry: Partial<TelemetryOptions> = {}) {
    this.#port = port;
    this.telemetry = new Telemetry({ capacityBytes: 1_048_576, bootId: 1, ...telemetry });
    this.listeners = new Listeners({ telemetry: this.telemetry, packetBytes: 512, ...options });
  }

  async start(): Promise<void> {
    const server = new WebSocketServer({ port: this.#port, host: "127.0.0.1" });
    this.server = server;
    await once(server, "listening");
    const instrumented = instrument(server, this.telemetry, { clientId: () => 0 });
    server.on("connection", (socket) => {
      if (socket.protocol === SUBPROTOCOL) instrumented.serve(socket, this.listeners);
      else socket.on("message", (data) => socket.send(String(data)));
    });
  }

  emit(count: number): void {
    for (; count > 0; count--) this.telemetry.connect(++this.emitted);
  }

  /** Emits until it is told to stop. */
  runs(): void {
    this.#timer = setInterval(() => this.emit(3), 2);
  }

  rests(): void {
    clearInterval(this.#timer);
  }

  cut(): void {
    for (const socket of this.server!.clients) socket.terminate();
  }

  async stop(): Promise<void> {
    this.cut();
    this.server!.close();
    await once(this.server!, "close");
  }

  async end(): Promise<void> {
    this.rests();
    this.listeners.close();
    await this.stop();
  }
}

const url = (port: number) => `ws://127.0.0.1:${port}`;
const upTo = (last: number) => [...new Array(last).keys()].map((index) => index + 1);

describe("end to end, by a board's WebSocket server", () => {
  let folder = "";
  let port = 0;
  let board: Board;
  const runs: Run[] = [];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "xs-telemetry-e2e-"));
    port = await freePort();
  });
  afterEach(async () => {
    for (const run of runs.splice(0)) await run.end("SIGKILL");
    await board.end();
    rmSync(folder, { recursive: true, force: true });
  });

  async function capture(...args: string[]): Promise<Run> {
    const run = await startCapture(join(folder, "c"), "--ws", url(port), ...args);
    runs.push(run);
    return run;
  }

  /** The numbers in the capture, in their order, without the listeners' own connections. */
  async function numbers(): Promise<number[]> {
    const { events, problems } = await gathered(decodePath(join(folder, "c"), { registry }));
    assert.deepEqual(problems, []);
    return events.map(({ clientId }) => Number(clientId)).filter((id) => id > 0);
  }

  const all = (ids: readonly number[]) => assert.deepEqual(ids, upTo(board.emitted));
  const drained = () =>
    until("all to be taken", () => {
      const { pending } = board.telemetry.counters();
      return pending === 0;
    });

  it("gives all that the ring has, and what comes, however often the connection breaks: each event once", async () => {
    board = new Board(port);
    await board.start();
    board.emit(500);
    const run = await capture();
    board.runs();
    for (let cuts = 1; cuts <= 4; cuts++) {
      await until("more packets", () => board.listeners.counters().accepted >= cuts);
      await pause(100);
      board.cut();
    }
    await until("the last return", () => board.listeners.counters().accepted >= 5);
    board.rests();
    await drained();
    await endCapture(run);
    all(await numbers());
    assert.match(run.stderr, /closed the connection; trying again/);
    assert.match(run.stderr, /is back/);
    assert.doesNotMatch(run.stderr, /E_|W_(?!REPEATED)|lost on/);
  });

  it("gives what the ring held while the server was away", async () => {
    board = new Board(port);
    await board.start();
    const run = await capture();
    board.emit(300);
    await drained();
    await board.stop();
    board.emit(1000);
    await pause(50);
    await board.start();
    await run.said(/is back/);
    await drained();
    await endCapture(run);
    all(await numbers());
  });

  it("goes on after the capture was killed, in its folder", async () => {
    board = new Board(port);
    await board.start();
    board.runs();
    for (let count = 0; count < 3; count++) {
      const run = await capture("--append");
      await pause(150);
      assert.equal((await run.end("SIGKILL")).signal, "SIGKILL");
    }
    const run = await capture("--append");
    board.rests();
    await drained();
    await endCapture(run);
    all(await numbers());
  });

  it("reports what the ring had to give up, and distinguishes a new boot from the old", async () => {
    board = new Board(port, {}, { capacityBytes: 4096 });
    await board.start();
    const run = await capture();
    board.emit(100);
    await drained();
    await board.stop();
    board.emit(1000);
    await board.start();
    await run.said(/is back/);
    await drained();
    const { overwritten } = board.telemetry.counters();
    assert.ok(overwritten > 0);
    await board.end();
    const { emitted } = board;
    board = new Board(port, {}, { bootId: 2 });
    await board.start();
    board.emit(10);
    await until("the new boot", () => board.listeners.counters().packets > 0);
    await endCapture(run);
    const { byPacket, summary } = await gathered(decodePath(join(folder, "c"), { registry }));
    assert.equal(summary.lostOnDevice, overwritten);
    const ofBoot = (boot: number) =>
      [...byPacket]
        .filter(([place]) => place.startsWith(`${boot}/`))
        .flatMap(([, events]) => events.map(({ clientId }) => Number(clientId)))
        .filter((id) => id > 0);
    assert.deepEqual([ofBoot(2), ofBoot(1).at(-1)], [upTo(10), emitted]);
  });

  it("shows events in tail as they come, to who has the token, and none of its own traffic", async () => {
    board = new Board(port, { token: "s3cret" });
    await board.start();
    const env = { ...process.env, XS_TELEMETRY_WS_TOKEN: "s3cret" };
    const tail = new Run(["tail", "--ws", url(port), "--format", "json"], { env });
    runs.push(tail);
    await tail.until("the first", () => tail.stdout.includes("ws.connect"));
    board.emit(20);
    await tail.until("all events", () => tail.stdout.split("\n").length > 22);
    const client = new WebSocket(url(port));
    await once(client, "open");
    client.send('{"type":"hello"}');
    await tail.until("the message", () => tail.stdout.includes("msg.send"));
    client.terminate();
    await tail.until("its end", () => tail.stdout.split("ws.disconnect").length === 3);
    const { status, stdout } = await tail.end("SIGINT");
    assert.equal(status, 0);
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    const count = (name: string) => names.filter((each) => each === name).length;
    assert.deepEqual(
      ["ws.connect", "ws.connected", "msg.recv", "msg.send", "ws.disconnect"].map(count),
      [22, 2, 1, 1, 2],
      "the listener came and was handed over, the client came, spoke and went",
    );
  });

  it("refuses who has not the token, with exit code 2, and leaves no folder", async () => {
    board = new Board(port, { token: "s3cret" });
    await board.start();
    board.emit(5);
    for (const token of ["", "wrong"]) {
      const env = { ...process.env, XS_TELEMETRY_WS_TOKEN: token };
      const { status, stderr } = await new Run(["capture", "--ws", url(port), "-o", join(folder, "c")], { env })
        .outcome;
      assert.equal(status, 2);
      assert.match(stderr, /E_SERVER_REFUSED: .*XS_TELEMETRY_WS_TOKEN/);
    }
    assert.deepEqual([board.listeners.counters().refusedTokens, board.listeners.counters().packets], [2, 0]);
  });

  it("gives to as many as may listen, each all of it; the next is refused", async () => {
    board = new Board(port);
    await board.start();
    board.emit(50);
    const first = await capture();
    const tail = new Run(["tail", "--ws", url(port), "--format", "json"]);
    runs.push(tail);
    await tail.until("all events", () => tail.stdout.split("\n").length > 50);
    const { status, stderr } = await new Run(["tail", "--ws", url(port)]).outcome;
    assert.equal(status, 2);
    assert.match(stderr, /E_SERVER_BUSY: .* as many listeners as it allows/);
    await drained();
    await endCapture(first);
    all(await numbers());
  });
});
