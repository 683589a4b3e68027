/** Packets as datagrams, one in each. */
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import { PACKET_HEADER_BYTES } from "../../src/packet-layout.ts";
import { quote } from "../lines.ts";
import { Ending, type Link, type LinkEvents, linkError } from "./link.ts";

export interface UdpLinkOptions {
  /** 0 to 65,535; 0: any that is free. */
  readonly port: number;
  /** The address that is listened on, default 127.0.0.1: who may reach it may send anything. */
  readonly host?: string;
}

/** Bytes that the system is asked to hold while we write; it gives what it allows. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Listens for datagrams. The device is the sender, `address_port`. Throws TelemetryError E_PORT_IN_USE, E_PERMISSION,
 * E_ADDRESS or E_LINK, exit code 2.
 */
export async function openUdpLink({ port, host = "127.0.0.1" }: UdpLinkOptions, events: LinkEvents): Promise<Link> {
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
    // As much as it has without asking.
  }
  const ending = new Ending();
  const end = (error?: unknown): void => {
    if (!ending.isOver) ending.end(error);
    socket.close();
  };
  socket.on("error", (error) => end(linkError("E_LINK", `UDP port ${socketPort} of ${host}: ${error.message}`)));
  socket.on("message", (packet, from) => {
    const took = ending.attempt(() => {
      const device = deviceOf(from);
      if (packet.length >= PACKET_HEADER_BYTES) events.packet(device, packet, Date.now());
      else events.problem(shortDatagram(packet.length), device);
    });
    if (!took) socket.close();
  });

  const { port: socketPort } = socket.address();
  return {
    description: `UDP port ${socketPort} of ${host}`,
    ended: ending.promise,
    async close() {
      if (!ending.isOver) end();
    },
  };
}

function shortDatagram(bytes: number) {
  const message = `a datagram of ${bytes} bytes, a packet has ${PACKET_HEADER_BYTES} or more: something else sends to this port`;
  return { code: "E_DATAGRAM", message };
}

/** Colons of IPv6 are none in names of folders everywhere. */
function deviceOf({ address, port }: RemoteInfo): string {
  return `${address.replaceAll(":", "-")}_${port}`;
}

function bindError(error: NodeJS.ErrnoException, port: number, host: string) {
  switch (error.code) {
    case "EADDRINUSE":
      return linkError(
        "E_PORT_IN_USE",
        `UDP port ${port} of ${host} is in use: end what has it (\`ss -lunp 'sport = :${port}'\` names it), or listen on another`,
      );
    case "EACCES":
    case "EPERM":
      return linkError(
        "E_PERMISSION",
        `UDP port ${port} needs permission: ports below 1024 are the system's; listen on one from 1024 to 65535`,
      );
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return linkError(
        "E_ADDRESS",
        `${host} is no address of this machine: \`ip address\` lists them; --host 0.0.0.0 listens on all`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return linkError("E_ADDRESS", `--host is ${quote(host)}, which has no address: give one of this machine's`);
    default:
      return linkError("E_LINK", `UDP port ${port} of ${host} cannot be listened on: ${error.message}`);
  }
}
