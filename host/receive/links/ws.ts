/** Packets from a board that runs a WebSocket server: one in each binary message, the next when this one is taken. */
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
  /** What the board's firmware asks for, 1 to 64 characters of visible ASCII. */
  readonly token?: string | undefined;
  /** File with the certificate, PEM, of the authority that has signed the server's. */
  readonly ca?: string | undefined;
  /** The longest wait for a connection, and for the server's answer to the token. Default 10 s. */
  readonly greetingMs?: number | undefined;
  /** From one sign of life to the next; a server that has answered none of three is gone. Default 10 s. */
  readonly aliveMs?: number | undefined;
  /** The wait before the first new attempt; each further one is twice as long, up to 32 times. Default 1 s. */
  readonly retryMs?: number | undefined;
}

const GREETING_MS = 10_000;
const ALIVE_MS = SILENT_MS / 3;
const SIGNS = 3;
const RETRY_MS = 1000;
const MOST_DOUBLINGS = 5;
/** For the server to say goodbye, too: a signal is obeyed in half a second. */
const GOODBYE_MS = 300;
/** Of acknowledgements that a server does not read. It should wait for each: there is at most one, and signs of life. */
const MOST_UNREAD_BYTES = 64 * 1024;

const SERVER: Peer = {
  name: "server",
  start: "start the server, or check host and port",
  plain: "ws",
  clientCertificate: NO_CLIENT_CERTIFICATE,
};

/** A server that can be asked for a connection. */
interface Server {
  readonly url: string;
  readonly token: string;
  readonly options: ClientOptions;
  readonly hasCa: boolean;
  /** Without path and query. */
  readonly shown: string;
}

/**
 * Connects, and resolves when the server has accepted the token. A packet is acknowledged when events.packet() has returned: what was
 * not comes again with the next connection. Connects again by itself once it stands. Throws TelemetryError E_URL, E_TOKEN, E_SERVER,
 * E_SERVER_BUSY, E_SERVER_REFUSED or E_TLS, exit code 2.
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
  /** Attempts since a server has sent anything but its acceptance. */
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
        this.#problem(`a text message of ${length} bytes, expected packets: something else is sent here`);
      return;
    }
    const isTaken = this.#ending.attempt(() => {
      if (length >= PACKET_HEADER_BYTES && length <= MAX_PACKET_BYTES)
        this.#events.packet(undefined, new Uint8Array(data), Date.now());
      else
        this.#problem(
          `a message of ${length} bytes, a packet has ${PACKET_HEADER_BYTES} to ${MAX_PACKET_BYTES}: something else is sent here`,
        );
    });
    if (!isTaken) socket.terminate();
    else if (socket.bufferedAmount <= MOST_UNREAD_BYTES) socket.send(TAKEN);
    else {
      this.#problem(
        `it goes on sending, but reads nothing: ${socket.bufferedAmount} bytes wait; the connection is ended`,
      );
      socket.terminate();
    }
  }

  #problem(message: string): void {
    this.#events.problem({ code: "E_MESSAGE", message });
  }

  /** What came is no WebSocket message, or one of more bytes than a packet has: ws ends the connection. */
  #broken(error: Failure): void {
    if (!this.#ending.isOver && String(error.code).startsWith("WS_ERR_"))
      this.#problem(`${visible(error.message)}: no packet, and the connection is ended`);
  }

  #lost(): void {
    this.#socket = undefined;
    if (this.#ending.isOver) return;
    if (!this.#isLost) {
      const most = (this.#retryMs * 2 ** MOST_DOUBLINGS) / 1000;
      this.#events.say(
        `${this.#server.shown} is gone, or has ended the connection; trying again, after ${this.#retryMs / 1000} s and ever more seldom, at last every ${most} s`,
      );
    }
    this.#isLost = true;
    this.#wait();
  }

  /** Half the time is left to chance: of many who have lost one server, not all come back at once. */
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
    this.#events.say(`${this.#server.shown} is there again`);
  }
}

/** The server that the options name. Throws TelemetryError E_URL, E_TOKEN or E_TLS. */
function readServer({ url, token, ca }: WsLinkOptions): Server {
  const example = "expected one such as ws://192.168.0.7 or wss://board.example:8443/telemetry";
  if (!URL.canParse(url)) throw linkError("E_URL", `the value of --ws is no URL: ${example}`); // it may hold a secret
  const { protocol, hostname, port, username, password, hash } = new URL(url);
  const isTls = protocol === "wss:";
  if ((!isTls && protocol !== "ws:") || hostname === "")
    throw linkError("E_URL", `the URL of --ws begins with ${quote(protocol)}: ${example}`);
  if (username !== "" || password !== "")
    throw linkError(
      "E_URL",
      "the URL of --ws has a user name or a password, which the list of processes would show: " +
        "give the board's token in XS_TELEMETRY_WS_TOKEN",
    );
  if (hash !== "")
    throw linkError("E_URL", `the URL of --ws ends with ${quote(hash)}, which no server sees: leave it out`);
  if (token !== undefined && token !== "" && !isToken(token))
    throw linkError(
      "E_TOKEN",
      `XS_TELEMETRY_WS_TOKEN is no token: it has 1 to ${MOST_TOKEN_CHARACTERS} characters of visible ASCII, without blanks`,
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
      status.startsWith("5") ? "E_SERVER" : "E_SERVER_REFUSED", // a proxy, whose server is away
      `${shown} answers with HTTP status ${status} instead of a WebSocket: check the URL's path`,
    );
  if (/subprotocol/.test(message))
    return linkError(
      "E_SERVER_REFUSED",
      `${shown} does not offer the subprotocol ${SUBPROTOCOL}: does its firmware call serve(), and is this the server?`,
    );
  if (code === "ECONNRESET" || code === "EPIPE" || String(code).startsWith("HPE_")) return noGreeting(shown);
  return linkError("E_SERVER", `${shown}: ${networkError(error, SERVER)}`);
}

/** The server has hung up before it has accepted or refused. */
function noGreeting(shown: string): TelemetryError {
  const wrongKind = shown.startsWith("wss:")
    ? " and speaks TLS; ws:// is without"
    : "; if that port speaks TLS, write wss://";
  return linkError(
    "E_SERVER",
    `${shown} ends the connection without an answer: check that a WebSocket server is there${wrongKind}`,
  );
}

function noAnswer(shown: string, waitedMs: number): TelemetryError {
  return linkError("E_SERVER", `${shown} has not answered for ${waitedMs / 1000} s: is it the board, and does it run?`);
}

/** What the server says in place of its acceptance. */
function refusal(shown: string, answer: string, hasToken: boolean): TelemetryError {
  if (answer === REFUSED_TOKEN)
    return linkError(
      "E_SERVER_REFUSED",
      hasToken
        ? `${shown} refuses the token in XS_TELEMETRY_WS_TOKEN: give that of its firmware`
        : `${shown} asks for a token: give that of its firmware in XS_TELEMETRY_WS_TOKEN`,
    );
  if (answer === REFUSED_BUSY)
    return linkError(
      "E_SERVER_BUSY",
      `${shown} has as many listeners as it takes: end another one; one that has vanished is forgotten after ${SILENT_MS / 1000} s`,
    );
  return linkError(
    "E_SERVER_REFUSED",
    `${shown} answers with something else than telemetry: does its firmware call serve(), and is this the server?`,
  );
}
