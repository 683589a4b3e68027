import type { Connection, Limits, Payload, Token } from "./api.ts";
import { MESSAGE_COST } from "./packet-layout.ts";

/**
 * A function that says how many of so many messages may be recorded at a time, given as the clock reads, and takes them. Allowances are whole
 * numbers, so that the emitter in C comes to the same. It is full at the start. After an idle time of 2^32 ms or more it may be too small.
 */
export function createAllowance({ messagesPerSecond, burst }: Limits, startMs: number) {
  const most = burst * MESSAGE_COST;
  const fullMs = Math.ceil(most / messagesPerSecond);
  let left = most;
  let lastMs = startMs;
  return (count: number, nowMs: number): number => {
    const elapsedMs = (nowMs - lastMs) >>> 0;
    lastMs = nowMs;
    left = elapsedMs < fullMs ? Math.min(left + elapsedMs * messagesPerSecond, most) : most;
    let taken = 0;
    for (; taken < count && left >= MESSAGE_COST; taken++) left -= MESSAGE_COST;
    return taken;
  };
}

/**
 * The class of connections whose messages have limits. `admitted`: of so many messages, how many are within them; `over` counts the rest.
 */
export function limitedBy<Identity>(
  RingConnection: new (identity: Identity) => Connection,
  admitted: (count: number) => number,
  over: (count: number) => void,
): new (
  identity: Identity,
) => Connection {
  return class extends RingConnection {
    override received(messageType: Token, payload?: Payload): void {
      if (admitted(1) > 0) super.received(messageType, payload);
      else over(1);
    }

    override sent(messageType: Token, payload?: Payload): void {
      if (admitted(1) > 0) super.sent(messageType, payload);
      else over(1);
    }

    override answered(receivedType: Token, sentType: Token): void {
      const count = admitted(2);
      if (count === 2) super.answered(receivedType, sentType);
      else {
        if (count === 1) super.received(receivedType);
        over(2 - count);
      }
    }
  };
}
