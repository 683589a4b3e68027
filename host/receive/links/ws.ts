/** Packets from a board with a WebSocket server: one in each binary message, the next when this one is acknowledged. */
import type { ClientOptions, WebSocket } from "ws";
import {
  ACCEPTED,
  ALIVE,
  isToken,
  MOST_TOKEN_CHARACTERS,
  REFUSED_BUSY,
  REFUSED_TOKEN,
  SILENT_MS,
  SUBPROTOCOL,
  TAKEN,
} from "../../../src/drain/listener-words.ts";
import { MAX_PACKET_BYTES, PACKET_HEADER_BYTES } from "../../../src/ring/packet-layout.ts";
import type { TelemetryError } from "../../text/errors.ts";
import { quote, visible } from "../../text/lines.ts";
import {
  certificateError,
  type Failure,
  NO_CLIENT_CERTIFICATE,
  networkError,
  type Peer,
  readAuthority,
} from "../../text/network-errors.ts";
import { Ending, type Link, type LinkEvents, linkError } from "./link.ts";

export interface WsLinkOptions {
  /** `ws://` or `wss://`; no user name, password or fragment. */
  readonly url: string;
  /** The token that the board's firmware requires, 1 to 64 characters of visible ASCII. */
  readonly token?: string | undefined;
  /** File with the certificate, PEM, of the authority that signed the server's. */
  readonly ca?: string | undefined;
  /** The longest wait for a connection, and for the server's answer to the token. Default 10 s. */
  readonly greetingMs?: number | undefined;
  /** Time from one keep-alive to the next; a server that answers none of three is gone. Default 10 s. */
  readonly aliveMs?: number | undefined;
  /** The wait before the first new attempt; doubled for each further one, up to 32 times. Default 1 s. */
  readonly retryMs?: number | undefined;
}

const GREETING_MS = 10_000;
const ALIVE_MS = SILENT_MS / 3;
const SIGNS = 3;
const RETRY_MS = 1000;
const MOST_DOUBLINGS = 5;
/** Including the server's closing handshake: a signal is obeyed within half a second. */
const GOODBYE_MS = 300;
/**
 * Bytes of acknowledgements that a server does not read. It should wait for each: there is at most one, and
 * keep-alives.
 */
const MOST_UNREAD_BYTES = 64 * 1024;

const SERVER: Peer = {
  name: "server",
  start: "start the server, or check host and port",
  plain: "ws",
  clientCertificate: NO_CLIENT_CERTIFICATE,
};

/** A server to connect to. */
interface Server {
  readonly url: string;
  readonly token: string;
  readonly options: ClientOptions;
  readonly hasCa: boolean;
  /** Without path and query. */
  readonly shown: string;
}

/**
 * Connects, and resolves when the server has accepted the token. A packet is acknowledged when events.packet() has
 * returned: an unacknowledged one comes again with the next connection. Once accepted, it reconnects by itself. Throws
 * TelemetryError E_URL, E_TOKEN, E_SERVER, E_SERVER_BUSY, E_SERVER_REFUSED or E_TLS, exit code 2.
 */
export async function openWsLink(options: WsLinkOptions, events: LinkEvents): Promise<Link> {
  const server = readServer(options);
  const { WebSocket } = await import("ws");
  const link = new WsLink(server, WebSocket, options, events);
  await link.open();
  return link;
}

class WsLink implements Link {
  readonly description: string;
  readonly #server: Server;
  readonly #WebSocket: typeof WebSocket;
  readonly #events: LinkEvents;
  readonly #ending = new Ending();
  readonly #greetingMs: number;
  readonly #aliveMs: number;
  readonly #retryMs: number;
  #socket: WebSocket | undefined;
  #retry: NodeJS.Timeout | undefined;
  /** Attempts since a server last sent anything but its acceptance. */
  #attempts = 0;
  #isLost = false;
  #isBusySaid = false;

  constructor(server: Server, Socket: typeof WebSocket, options: WsLinkOptions, events: LinkEvents) {
    this.#server = server;
    this.#WebSocket = Socket;
    this.#events = events;
    this.#greetingMs = options.greetingMs ?? GREETING_MS;
    this.#aliveMs = options.aliveMs ?? ALIVE_MS;
    this.#retryMs = options.retryMs ?? RETRY_MS;
    this.description = server.shown;
  }

  get ended(): Promise<void> {
    return this.#ending.promise;
  }

  /** Resolves when the server has accepted this listener. */
  async open(): Promise<void> {
    const { url, token, options, shown, hasCa } = this.#server;
    const socket = new this.#WebSocket(url, SUBPROTOCOL, options);
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      let isAccepted = false;
      let unanswered = 0;
      let alive: NodeJS.Timeout | undefined;
      const refuse = (error: TelemetryError): void => {
        reject(error);
        socket.terminate();
      };
      const late = setTimeout(() => refuse(noAnswer(shown, this.#greetingMs)), this.#greetingMs);
      socket.on("open", () => socket.send(token));
      socket.on("message", (data: Buffer, isBinary: boolean) => {
        if (this.#socket !== socket || this.#ending.isOver) return;
        unanswered = 0;
        if (isAccepted) {
          this.#attempts = 0;
          this.#message(socket, data, isBinary);
          return;
        }
        const answer = isBinary ? "" : data.toString();
        if (answer !== ACCEPTED) {
          refuse(refusal(shown, answer, token !== ""));
          return;
        }
        isAccepted = true;
        clearTimeout(late);
        alive = setInterval(() => {
          if (++unanswered > SIGNS) socket.terminate();
          else socket.send(ALIVE);
        }, this.#aliveMs);
        resolve();
      });
      socket.on("error", (error) => {
        if (isAccepted) this.#broken(error);
        else reject(serverError(error, shown, hasCa));
      });
      socket.on("close", () => {
        clearTimeout(late);
        clearInterval(alive);
        if (!isAccepted) reject(noGreeting(shown));
        else if (this.#socket === socket) this.#lost();
      });
    });
  }

  async close(): Promise<void> {
    if (this.#ending.isOver) return;
    this.#ending.end();
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket === undefined || socket.readyState === socket.CLOSED) return;
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => socket.terminate(), GOODBYE_MS);
      socket.once("close", () => {
        clearTimeout(late);
        resolve();
      });
      socket.close();
    });
  }

  #message(socket: WebSocket, data: Buffer, isBinary: boolean): void {
    const { length } = data;
    if (!isBinary) {
      if (data.toString() !== ALIVE)
        this.#problem(`a text message of ${length} bytes, expected packets: this is not a telemetry server`);
      return;
    }
    const isTaken = this.#ending.attempt(() => {
      if (length >= PACKET_HEADER_BYTES && length <= MAX_PACKET_BYTES)
        this.#events.packet(undefined, new Uint8Array(data), Date.now());
      else
        this.#problem(
          `a message of ${length} bytes, a packet has ${PACKET_HEADER_BYTES} to ${MAX_PACKET_BYTES}: this is not a telemetry server`,
        );
    });
    if (!isTaken) socket.terminate();
    else if (socket.bufferedAmount <= MOST_UNREAD_BYTES) socket.send(TAKEN);
    else {
      this.#problem(`it sends but does not read: ${socket.bufferedAmount} bytes wait for it; the connection is closed`);
      socket.terminate();
    }
  }

  #problem(message: string): void {
    this.#events.problem({ code: "E_MESSAGE", message });
  }

  /** Not a WebSocket message, or one with more bytes than a packet has: ws closes the connection. */
  #broken(error: Failure): void {
    if (!this.#ending.isOver && String(error.code).startsWith("WS_ERR_"))
      this.#problem(`${visible(error.message)}: not a packet; the connection is closed`);
  }

  #lost(): void {
    this.#socket = undefined;
    if (this.#ending.isOver) return;
    if (!this.#isLost) {
      const most = (this.#retryMs * 2 ** MOST_DOUBLINGS) / 1000;
      this.#events.say(
        `${this.#server.shown} is gone, or closed the connection; trying again after ${this.#retryMs / 1000} s, then less and less often, down to every ${most} s`,
      );
    }
    this.#isLost = true;
    this.#wait();
  }

  /** Half of the time is random: if many clients have lost one server, not all come back at once. */
  #wait(): void {
    const most = this.#retryMs * 2 ** Math.min(this.#attempts++, MOST_DOUBLINGS);
    this.#retry = setTimeout(() => void this.#again(), most * (0.5 + Math.random() / 2));
  }

  async #again(): Promise<void> {
    try {
      await this.open();
    } catch (error) {
      if (this.#ending.isOver) return;
      const { code, message } = error as TelemetryError;
      const isBusy = code === "E_SERVER_BUSY";
      if (isBusy && !this.#isBusySaid) this.#events.say(`${message}; trying again`);
      this.#isBusySaid ||= isBusy;
      if (isBusy || code === "E_SERVER") this.#wait();
      else this.#ending.end(error);
      return;
    }
    this.#isLost = false;
    this.#isBusySaid = false;
    this.#events.say(`${this.#server.shown} is back`);
  }
}

/** The server that the options name. Throws TelemetryError E_URL, E_TOKEN or E_TLS. */
function readServer({ url, token, ca }: WsLinkOptions): Server {
  const example = "expected one such as ws://192.168.0.7 or wss://board.example:8443/telemetry";
  if (!URL.canParse(url)) throw linkError("E_URL", `the value of --ws is not a URL: ${example}`); // it may contain a secret
  const { protocol, hostname, port, username, password, hash } = new URL(url);
  const isTls = protocol === "wss:";
  if ((!isTls && protocol !== "ws:") || hostname === "")
    throw linkError("E_URL", `the URL of --ws begins with ${quote(protocol)}: ${example}`);
  if (username !== "" || password !== "")
    throw linkError(
      "E_URL",
      "the URL of --ws has a user name or password, which others could see in the process list: " +
        "give the board's token in XS_TELEMETRY_WS_TOKEN",
    );
  if (hash !== "")
    throw linkError("E_URL", `the URL of --ws ends with ${quote(hash)}, which is never sent: leave it out`);
  if (token !== undefined && token !== "" && !isToken(token))
    throw linkError(
      "E_TOKEN",
      `XS_TELEMETRY_WS_TOKEN is not a token: expected 1 to ${MOST_TOKEN_CHARACTERS} characters of visible ASCII, without blanks`,
    );
  if (ca !== undefined && !isTls)
    throw linkError("E_URL", "--ca is for TLS, but the URL begins with ws://: write wss://");
  return {
    url,
    token: token ?? "",
    hasCa: ca !== undefined,
    shown: `${protocol}//${hostname}${port === "" ? "" : `:${port}`}`,
    options: {
      perMessageDeflate: false,
      maxPayload: MAX_PACKET_BYTES,
      ...(ca !== undefined && { ca: readAuthority(ca) }),
    },
  };
}

function serverError(error: Failure, shown: string, hasCa: boolean): TelemetryError {
  const certificate = certificateError(error, SERVER, hasCa);
  if (certificate !== undefined) return linkError("E_TLS", `${shown}: ${certificate}`);
  const { code, message } = error;
  const [, status] = /^Unexpected server response: (\d+)/.exec(message) ?? [];
  if (status !== undefined)
    return linkError(
      status.startsWith("5") ? "E_SERVER" : "E_SERVER_REFUSED", // a proxy, whose server is not running
      `${shown} answers with HTTP status ${status} instead of a WebSocket: check the URL's path`,
    );
  if (/subprotocol/.test(message))
    return linkError(
      "E_SERVER_REFUSED",
      `${shown} does not offer the subprotocol ${SUBPROTOCOL}: does its firmware call serve(), and is this the right server?`,
    );
  if (code === "ECONNRESET" || code === "EPIPE" || String(code).startsWith("HPE_")) return noGreeting(shown);
  return linkError("E_SERVER", `${shown}: ${networkError(error, SERVER)}`);
}

/** The server has closed the connection before accepting or refusing. */
function noGreeting(shown: string): TelemetryError {
  const wrongKind = shown.startsWith("wss:")
    ? " and speaks TLS; ws:// is without TLS"
    : "; if that port speaks TLS, write wss://";
  return linkError(
    "E_SERVER",
    `${shown} closes the connection without an answer: check that it is a WebSocket server${wrongKind}`,
  );
}

function noAnswer(shown: string, waitedMs: number): TelemetryError {
  return linkError(
    "E_SERVER",
    `${shown} has not answered for ${waitedMs / 1000} s: is it the board, and is it running?`,
  );
}

/** The server's message in place of its acceptance. */
function refusal(shown: string, answer: string, hasToken: boolean): TelemetryError {
  if (answer === REFUSED_TOKEN)
    return linkError(
      "E_SERVER_REFUSED",
      hasToken
        ? `${shown} refuses the token in XS_TELEMETRY_WS_TOKEN: use the token of its firmware`
        : `${shown} asks for a token: put the token of its firmware into XS_TELEMETRY_WS_TOKEN`,
    );
  if (answer === REFUSED_BUSY)
    return linkError(
      "E_SERVER_BUSY",
      `${shown} has as many listeners as it allows: stop another one; a vanished one is forgotten after ${SILENT_MS / 1000} s`,
    );
  return linkError(
    "E_SERVER_REFUSED",
    `${shown} answers with something other than telemetry: does its firmware call serve(), and is this the right server?`,
  );
}
