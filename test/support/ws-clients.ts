// A process with real clients. On `{ clients, port }` it connects them and answers "ready"; on `{ messages, payload }` each
// sends its share, several at a time, and waits for the echoes; it answers how many came back unchanged.
import { WebSocket } from "ws";

interface Connect {
  readonly clients: number;
  readonly port: number;
}

interface Send {
  readonly messages: number;
  readonly payload: string;
}

/** Messages of a client that are under way. */
const WINDOW = 32;
let sockets: WebSocket[] = [];

async function connect({ clients, port }: Connect): Promise<string> {
  for (const socket of sockets) socket.close();
  sockets = Array.from(
    { length: clients },
    () => new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false }),
  );
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("open", resolve))));
  return "ready";
}

async function exchange({ messages, payload }: Send): Promise<number> {
  const share = messages / sockets.length;
  const expected = Buffer.from(payload);
  const counts = sockets.map(
    (socket) =>
      new Promise<number>((resolve) => {
        let sent = 0;
        let back = 0;
        let right = 0;
        const onMessage = (data: Buffer) => {
          if (data.equals(expected)) right++;
          if (++back === share) {
            socket.off("message", onMessage);
            resolve(right);
          } else if (sent < share) {
            sent++;
            socket.send(payload);
          }
        };
        socket.on("message", onMessage);
        for (; sent < Math.min(WINDOW, share); sent++) socket.send(payload);
      }),
  );
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

process.on("message", async (order: Connect | Send) => {
  process.send!("clients" in order ? await connect(order) : await exchange(order));
});
process.on("disconnect", () => process.exit());
