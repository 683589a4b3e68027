// Behaves towards an application like the SDK's ECMA-419 HTTP server and its WebSocket class, without a network: who calls what, with which
// `this` and arguments, what throws, and what is read when.

interface Options {
  readonly attach?: { readonly remoteAddress?: string };
  readonly host?: string;
  readonly target?: unknown;
  readonly format?: string;
  readonly onReadable?: (this: FakeWebSocketClient, count: number, options: { more: boolean; binary: boolean }) => void;
  readonly onControl?: (this: FakeWebSocketClient, opcode: number, data: ArrayBuffer) => void;
  readonly onClose?: (this: FakeWebSocketClient) => void;
}

export class FakeWebSocketClient {
  static readonly close = 8;
  readonly options: Options;
  #data: Uint8Array | undefined;
  #isOpen = true;

  constructor(options: Options) {
    const { format = "buffer" } = options;
    if (format !== "buffer" && format !== "number") throw new RangeError();
    this.options = options;
  }

  read(count?: number | Uint8Array | ArrayBuffer): ArrayBuffer | number | undefined {
    const data = this.#data;
    if (!data || data.length === 0) return undefined;
    if (count === undefined || typeof count === "number") {
      const taken = data.slice(0, count);
      this.#data = data.subarray(taken.length);
      return taken.buffer;
    }
    const into = count instanceof ArrayBuffer ? new Uint8Array(count) : count;
    const size = Math.min(into.length, data.length);
    into.set(data.subarray(0, size));
    this.#data = data.subarray(size);
    return size;
  }

  write(data: Uint8Array | ArrayBuffer, _options?: { opcode?: number; more?: boolean; binary?: boolean }): number {
    const { byteLength } = data;
    if (!this.#isOpen || byteLength > 1000) throw new Error();
    return 99;
  }

  close(): void {
    this.#isOpen = false;
  }

  // What the peer does.

  peerSends(data: Uint8Array, more = false): void {
    this.#data = data;
    this.options.onReadable?.call(this, data.length, { more, binary: true });
  }

  peerControls(opcode: number, data: ArrayBuffer): void {
    this.options.onControl?.call(this, opcode, data);
  }

  peerCloses(): void {
    this.close();
    this.options.onClose?.call(this);
  }

  /** Unread data is forgotten. */
  drop(): void {
    this.#data = undefined;
  }
}

interface Route {
  onRequest?: ((this: FakeHTTPConnection, request: { headers: Map<string, string> }) => void) | undefined;
  onResponse?: ((this: FakeHTTPConnection, response: { status: number }) => void) | undefined;
  onDone?: ((this: FakeHTTPConnection) => void) | undefined;
  onError?: ((this: FakeHTTPConnection, error?: unknown) => void) | undefined;
}

/** The SDK's route for handshakes, frozen as that is. */
export const handshakeRoute: Route = Object.freeze({
  onRequest(this: FakeHTTPConnection) {
    this.isAsked = true;
  },
  onResponse() {},
  onDone() {},
});

export class FakeHTTPConnection {
  isAsked = false;
  readonly #ip: string;
  /** The server reads the route when the request comes. */
  readonly #route: Route;

  constructor(route: Route, ip: string) {
    const { onRequest, onResponse, onDone, onError } = route;
    this.#route = { onRequest, onResponse, onDone, onError };
    this.#ip = ip;
    this.#route.onRequest?.call(this, { headers: new Map() });
  }

  detach(): { remoteAddress: string } {
    return { remoteAddress: this.#ip };
  }

  shakesHands(): void {
    this.#route.onResponse?.call(this, { status: 200 });
    this.#route.onDone?.call(this);
  }

  vanishes(): void {
    this.#route.onError?.call(this);
  }
}
