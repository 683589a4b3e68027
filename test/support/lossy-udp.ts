// A network for specs: datagrams pass through it to a port; a seed determines which are lost, doubled or overtaken.
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { Random } from "../../host/simulate/random.ts";
import { type SeenPacket, seen } from "./accounts.ts";

export interface LossyUdpOptions {
  readonly random: Random;
  /** Where the datagrams go. */
  readonly port: number;
  /** Shares of all datagrams. */
  readonly lost: number;
  readonly doubled: number;
  /** Held back until one to three further ones of the sender have passed. */
  readonly late: number;
}

export interface LossyUdp {
  /** Where devices send to. */
  readonly port: number;
  /** How many have come. */
  datagrams(): number;
  /** Of records, by boot id. */
  readonly boots: ReadonlyMap<number, { passed: SeenPacket[]; dropped: SeenPacket[] }>;
  readonly counts: { readonly lost: number; readonly doubled: number; readonly late: number };
  /** Releases what is held back, and ends. */
  close(): Promise<void>;
}

/** A rebooting device sends nothing for a while; datagrams held back longer than capture waits for would be lost. */
const MOST_HELD_MS = 300;

interface Sender {
  /** A socket for each sender: its port tells the devices apart. */
  readonly socket: Socket;
  held: Buffer | undefined;
  heldFor: number;
  timer: NodeJS.Timeout | undefined;
}

export async function openLossyUdp({ random, port, lost, doubled, late }: LossyUdpOptions): Promise<LossyUdp> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const senders = new Map<number, Sender>();
  const boots = new Map<number, { passed: SeenPacket[]; dropped: SeenPacket[] }>();
  const counts = { lost: 0, doubled: 0, late: 0 };
  let datagrams = 0;
  let unsent = 0;
  let idle = () => {};

  const pass = (sender: Sender, bytes: Buffer) => {
    unsent++;
    sender.socket.send(bytes, port, "127.0.0.1", () => {
      if (--unsent === 0) idle();
    });
  };
  const letGo = (sender: Sender) => {
    clearTimeout(sender.timer);
    if (sender.held) pass(sender, sender.held);
    sender.held = undefined;
  };
  socket.on("message", (bytes, from) => {
    datagrams++;
    let sender = senders.get(from.port);
    if (sender === undefined) {
      sender = { socket: createSocket("udp4"), held: undefined, heldFor: 0, timer: undefined };
      senders.set(from.port, sender);
    }
    const isLost = random.chance(lost);
    const packet = seen(bytes);
    if (packet) {
      const { bootId } = packet.header;
      const boot = boots.get(bootId) ?? { passed: [], dropped: [] };
      boots.set(bootId, boot);
      (isLost ? boot.dropped : boot.passed).push(packet);
    }
    if (isLost) counts.lost++;
    else if (sender.held === undefined && random.chance(late)) {
      counts.late++;
      sender.held = bytes;
      sender.heldFor = 1 + random.below(3);
      sender.timer = setTimeout(letGo, MOST_HELD_MS, sender);
      return;
    } else pass(sender, bytes);
    if (!isLost && random.chance(doubled)) {
      counts.doubled++;
      pass(sender, bytes);
    }
    if (sender.held !== undefined && --sender.heldFor === 0) letGo(sender);
  });

  return {
    port: socket.address().port,
    datagrams: () => datagrams,
    boots,
    counts,
    async close() {
      socket.close();
      for (const sender of senders.values()) letGo(sender);
      if (unsent > 0)
        await new Promise<void>((resolve) => {
          idle = resolve;
        });
      for (const sender of senders.values()) sender.socket.close();
    },
  };
}
