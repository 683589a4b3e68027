/** Packets as datagrams, one in each. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PACKET_HEADER_BYTES } from "../../../src/ring/packet-layout.ts";
import { quote } from "../../text/lines.ts";
import { Ending, type Link, type LinkEvents, linkError } from "./link.ts";
import { UdpDevices } from "./udp-devices.ts";

export interface UdpLinkOptions {
  /** 0 to 65,535; 0: any free one. */
  readonly port: number;
  /** The address to listen on, default 127.0.0.1: whoever can reach it can send anything. */
  readonly host?: string;
  /** Each sender port of an address is a device: see UdpDevices. */
  readonly byPort?: boolean;
  /**
   * Memory for datagrams that wait while their owner is busy; beyond it they are lost, and that is reported. Default 64
   * MiB.
   */
  readonly mostWaitingBytes?: number;
}

/** Bytes that the system is asked to hold until they are read; it grants what it permits, often 208 KiB. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/**
 * Bytes of datagrams that are held until they are passed on: reading them is quick, but their owner may wait for a
 * disk.
 */
const MOST_WAITING_BYTES = 64 * 1024 * 1024;
/** Memory of one besides its bytes. */
const DATAGRAM_BYTES = 256;
/** Datagrams passed on at once; then more is read. Node reads 32 datagrams between two rounds. */
const STRETCH_MS = 2;

/**
 * Listens for datagrams. The device is the sender's address, or `address_port`: see UdpDevices. Throws TelemetryError
 * E_PORT_IN_USE, E_PERMISSION, E_ADDRESS or E_LINK, exit code 2.
 */
export async function openUdpLink(options: UdpLinkOptions, events: LinkEvents): Promise<Link> {
  const { port, host = "127.0.0.1", byPort = false, mostWaitingBytes = MOST_WAITING_BYTES } = options;
  // The system would treat it as all addresses, which nobody has explicitly asked for.
  if (host === "")
    throw linkError(
      "E_ADDRESS",
      `--host is "": give an address of this machine, or leave it out; 0.0.0.0 listens on all`,
    );
  const socket = createSocket({ type: isIPv6(host) ? "udp6" : "udp4" });
  try {
    socket.bind({ port, address: host, exclusive: true });
    await once(socket, "listening");
  } catch (error) {
    socket.close();
    throw bindError(error as NodeJS.ErrnoException, port, host);
  }
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
  } catch {
    // As much as it grants without being asked.
  }
  const ending = new Ending();
  let isListening = true;
  const stopListening = (): void => {
    if (isListening) socket.close();
    isListening = false;
  };
  const end = (error?: unknown): void => {
    if (!ending.isOver) ending.end(error);
    waiting = [];
    stopListening();
  };
  let waiting: Datagram[] = [];
  let waitingBytes = 0;
  let dropped = 0;

  const devices = new UdpDevices(byPort, (problem, device) => events.problem(problem, device));

  function handOn({ from, packet, wallMs, atMs }: Datagram): void {
    const took = ending.attempt(() => {
      const device = devices.nameOf(from, packet, atMs);
      if (packet.length >= PACKET_HEADER_BYTES) events.packet(device, packet, wallMs);
      else events.problem(shortDatagram(packet.length), device);
    });
    if (!took) end();
  }

  /** Passes on some of the waiting datagrams; the rest later. */
  function handOnAll(): void {
    const until = performance.now() + STRETCH_MS;
    let next = 0;
    while (next < waiting.length && (next === 0 || performance.now() < until)) {
      waitingBytes -= waiting[next]!.packet.length + DATAGRAM_BYTES;
      handOn(waiting[next++]!);
    }
    waiting.splice(0, next);
    if (waiting.length > 0 && !ending.isOver) setImmediate(handOnAll);
    else if (dropped > 0 && ending.attempt(() => events.problem(overrun(dropped, mostWaitingBytes)))) dropped = 0;
  }

  socket.on("error", (error) => end(linkError("E_LINK", `UDP port ${socketPort} of ${host}: ${error.message}`)));
  socket.on("message", (packet, from) => {
    if (!isListening) return;
    if (waitingBytes + packet.length + DATAGRAM_BYTES > mostWaitingBytes) {
      dropped++;
      return;
    }
    if (waiting.length === 0) setImmediate(handOnAll);
    waiting.push({ from, packet, wallMs: Date.now(), atMs: performance.now() });
    waitingBytes += packet.length + DATAGRAM_BYTES;
  });

  let closing: Promise<void> | undefined;
  /** Everything that has arrived is passed on: up to 64 MiB, without waiting for signals and timers. */
  async function close(): Promise<void> {
    stopListening();
    while (waiting.length > 0 && !ending.isOver) await nextTurn();
    if (!ending.isOver) end();
  }

  const { port: socketPort } = socket.address();
  return {
    description: `UDP port ${socketPort} of ${host}`,
    ...(isLoopback(host) && { hint: "reachable from this machine only; --host 0.0.0.0 opens it to others" }),
    ended: ending.promise,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

interface Datagram {
  readonly from: { readonly address: string; readonly port: number };
  readonly packet: Uint8Array;
  readonly wallMs: number;
  /** By a clock that is never set. */
  readonly atMs: number;
}

function overrun(datagrams: number, mostWaitingBytes: number) {
  const message =
    `${datagrams} datagrams lost: more than ${mostWaitingBytes} bytes of them were waiting to be processed; ` +
    "spread the devices over several ports, or use MQTT";
  return { code: "W_OVERRUN", message };
}

function shortDatagram(bytes: number) {
  const message = `a datagram of ${bytes} bytes, a packet has ${PACKET_HEADER_BYTES} or more: another program sends to this port`;
  return { code: "E_DATAGRAM", message };
}

function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$|localhost$)/.test(host);
}

function bindError(error: NodeJS.ErrnoException, port: number, host: string) {
  switch (error.code) {
    case "EADDRINUSE":
      return linkError(
        "E_PORT_IN_USE",
        `UDP port ${port} of ${host} is in use: end the program that uses it (\`ss -lunp 'sport = :${port}'\` names it), or listen on another`,
      );
    case "EACCES":
    case "EPERM":
      return linkError(
        "E_PERMISSION",
        `UDP port ${port} needs privileges, as all ports below 1024: listen on one from 1024 to 65535`,
      );
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return linkError(
        "E_ADDRESS",
        `${host} is not an address of this machine: \`ip address\` lists them; --host 0.0.0.0 listens on all`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return linkError("E_ADDRESS", `--host is ${quote(host)}, which has no address: give one of this machine's`);
    default:
      return linkError("E_LINK", `UDP port ${port} of ${host} cannot be listened on: ${error.message}`);
  }
}
