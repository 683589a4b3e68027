// Load from real clients in another process on a server in this one.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

/** An echo server on loopback. */
export async function echoServer(): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
  server.on("connection", (webSocket: WebSocket) => {
    webSocket.on("message", (data, isBinary) => webSocket.send(data, { binary: isBinary }));
  });
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

export interface Clients {
  /** Of their process. */
  readonly pid: number;
  /** This many messages among all of them, each echoed unchanged. Throws if one is not. */
  exchange(messages: number, payload: string): Promise<void>;
  /** Ends the process. */
  close(): Promise<void>;
}

/** `clients` connections from another process. */
export async function startClients(clients: number, port: number): Promise<Clients> {
  const { bundleForNode } = (await import(`${process.cwd()}/build/bundle.mjs`)) as {
    bundleForNode(input: string, outfile: string): Promise<string>;
  };
  const file = await bundleForNode("test/support/ws-clients.ts", `dist/test-support/ws-clients-${process.pid}.mjs`);
  const child: ChildProcess = fork(file, [], { stdio: ["ignore", 2, 2, "ipc"] });
  const ask = async (order: object): Promise<unknown> => {
    child.send(order);
    return (await once(child, "message"))[0];
  };
  await ask({ clients, port });
  return {
    pid: child.pid!,
    async exchange(messages, payload) {
      const right = await ask({ messages, payload });
      if (right !== messages) throw new Error(`${right} of ${messages} messages came back as they were sent`);
    },
    async close() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}
