import type { Limits } from "./api.ts";
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
