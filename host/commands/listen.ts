/** What capture and tail do while they listen: signals, time, periodic work. */
import type { LinkEvents } from "../receive/links/link.ts";
import { ClockWatch } from "../receive/wall-clock.ts";
import type { Problem } from "../text/errors.ts";
import type { Source } from "./source.ts";

export interface ListenOptions {
  readonly source: Source;
  readonly events: LinkEvents;
  /** Undefined: until the source ends, or the user ends it. */
  readonly durationS: number | undefined;
  /** Called once the link is open. `said`: the description, with a hint. If it throws, the link ends. */
  readonly opened: (description: string, said: string) => void;
  /**
   * Called when this computer's clock was set, forward by this much or back, before the events that follow. If not
   * `isSure`, the computer may have slept. If it throws, the link ends.
   */
  readonly clockSet: (byMs: number, isSure: boolean) => void;
  /** Called ten times a second. If it throws, the link ends. */
  readonly tick: (wallMs: number) => void;
}

const TICK_MS = 100;
/** After this long without a packet, a possible cause is printed. */
const QUIET_MS = 10_000;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Opens the source and listens until it ends, the time is over, or SIGINT, SIGTERM or SIGHUP comes; a second signal
 * ends the process at once. Returns why no packet came, if bytes came without packets. Throws the error of opening, or
 * the one that broke the link; the link is closed then.
 */
export async function listen({
  source,
  events,
  durationS,
  opened,
  clockSet,
  tick,
}: ListenOptions): Promise<Problem | undefined> {
  const watch = new ClockWatch();
  const watchClock = (): void => {
    const byMs = watch.stepMs(Date.now(), performance.now());
    if (watch.sleptMs > 0)
      events.say(
        `this computer slept for ${Math.round(watch.sleptMs / 1000)} s: anything that devices sent meanwhile may be lost`,
      );
    if (byMs !== 0) clockSet(byMs, watch.isSure);
  };
  watchClock();
  const link = await source.open({
    ...events,
    packet(device, packet, wallMs) {
      watchClock();
      events.packet(device, packet, wallMs);
    },
  });
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const stop = () => {
    for (const signal of SIGNALS) process.off(signal, stop);
    void link.close();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  const timers: NodeJS.Timeout[] = [];
  const sayIfNothing = (): void => {
    const { cause, problem } = link.nothingFound?.() ?? {};
    // Log text alone is normal, as long as more may come.
    if (problem !== undefined && cause !== "text") events.problem({ ...problem, code: "W_NO_PACKETS" });
  };
  try {
    const { description, hint } = link;
    opened(description, hint === undefined ? description : `${description} (${hint})`);
    if (durationS !== undefined) timers.push(setTimeout(stop, durationS * 1000));
    timers.push(setTimeout(sayIfNothing, QUIET_MS));
    timers.push(
      setInterval(() => {
        try {
          watchClock();
          tick(Date.now());
        } catch (error) {
          fail(error);
        }
      }, TICK_MS),
    );
    await Promise.race([link.ended, failed]);
    await link.close();
    return link.nothingFound?.()?.problem;
  } finally {
    for (const timer of timers) clearTimeout(timer);
    for (const signal of SIGNALS) process.off(signal, stop);
    await link.close();
  }
}
