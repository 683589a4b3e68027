// A server that behaves towards its application like Moddable's `websocket` module, without a network: which properties exist,
// what is frozen, what `this` is, in which order things come, and when the socket is gone.
import type { ServerCallback, ServerMessage } from "../../src/adapters/websocket.ts";

class FakeSocket {
  readonly written: ServerMessage[] = [];
  isOpen = true;
  readonly #ip: string;

  constructor(ip: string) {
    this.#ip = ip;
  }

  get(name: string): string {
    if (name !== "REMOTE_IP") throw new Error(`no ${name}`);
    return this.#ip;
  }

  write(message: ServerMessage): void {
    this.written.push(message);
  }

  close(): void {
    this.isOpen = false;
  }
}

/** A connection, and what its peer does. */
export class FakeConnection {
  declare callback: ServerCallback;
  declare socket?: FakeSocket;
  state = 1;

  constructor(socket: FakeSocket) {
    this.socket = socket;
  }

  write(message: ServerMessage): void {
    if ((typeof message === "string" ? message.length : message.byteLength) >= 65_536)
      throw new Error("message too long");
    this.socket!.write(message);
  }

  close(): void {
    this.socket?.close();
    delete this.socket;
    this.state = 4;
  }

  detach(): FakeSocket {
    const socket = this.socket!;
    delete this.socket;
    return socket;
  }

  // What the peer does.

  peerShakesHands(): void {
    this.callback(2);
    this.state = 3;
  }

  /** Returns what the callback does, which the server does not look at. */
  peerSends(message: ServerMessage): unknown {
    return this.callback(3, message);
  }

  peerAsksFor(...protocols: string[]): unknown {
    return this.callback(5, protocols);
  }

  /** The SDK's server does not report the code. */
  peerCloses(code?: number): void {
    this.state = 4;
    if (code === undefined) this.callback(4);
    else this.callback(4, code);
    this.close();
  }
}
Object.freeze(FakeConnection.prototype);

export class FakeServer {
  declare callback: ServerCallback;

  /** A client comes. */
  accept(ip: string): FakeConnection {
    const connection = new FakeConnection(new FakeSocket(ip));
    connection.callback = this.callback;
    connection.callback(1, this);
    return connection;
  }
}
Object.freeze(FakeServer.prototype);
