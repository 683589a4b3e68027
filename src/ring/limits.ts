import type { Connection, Limits, Payload, Token } from "./api.ts";
import { MESSAGE_COST } from "./packet-layout.ts";

/**
 * Makes a function that says how many of that many messages may be recorded at a reading of the clock, and takes their
 * allowance. Allowances are integers, so that the emitter in C gets the same results. The allowance is full at the
 * start. After an idle time of 2^32 ms or more it may be too small.
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
 * Makes the class of connections with limited messages. `admitted`: how many of that many messages are within the
 * limits; `over` counts the rest.
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
