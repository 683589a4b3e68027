import { Drainer, type DrainerCounters } from "../../src/drain/drainer.ts";
import type { OpenSink } from "../../src/drain/sink.ts";
import type { Counters, Reader } from "../../src/ring/api.ts";
import { SLOT_BYTES } from "../../src/ring/packet-layout.ts";
import { type Policy, Telemetry } from "../../src/telemetry.ts";
import { Random } from "./random.ts";
import { Traffic } from "./traffic.ts";

export interface DeviceOptions {
  readonly id: string;
  readonly seed: number;
  /** Distinguishes the devices of a seed. */
  readonly number: number;
  /** Opens the destination of its packets; called at each boot, and after each failure. */
  readonly open: OpenSink;
  /** Mean events per second; "max": as fast as the ring is drained; 20 per second in the device's own time. */
  readonly rate: number | "max";
  /** Mean number of events from boot to reboot; 0: never. */
  readonly rebootEvery: number;
  readonly capacityBytes: number;
  readonly policy: Policy;
  readonly packetBytes: number;
  /** Of the drainer. */
  readonly everyMs: number;
  readonly packetsPerSlice: number;
}

/**
 * What became of the events of a boot: `emitted = drained + overwritten + discarded + pending`. `unsent` are those of
 * the packet that the drainer had in hand at the end, so `drained - unsent` were given to the link.
 */
export interface BootCounters extends Pick<Counters, "emitted" | "drained" | "overwritten" | "discarded" | "pending"> {
  readonly bootId: number;
  readonly suppressed: number;
  readonly unsent: number;
}

/** What the drainers of a device's boots have done. */
export type LinkCounters = Pick<
  DrainerCounters,
  "packets" | "bytes" | "refusals" | "opens" | "failures" | "stalls" | "dropped"
>;

const LINK_COUNTERS = ["packets", "bytes", "refusals", "opens", "failures", "stalls", "dropped"] as const;
/** Time from power-on until the device's program runs. */
const DOWN_MS = 500;
const MAX_RATE_OF_DEVICE = 20;
const MOST_RECORD_SLOTS = 8;

/** A boot of the device: an emitter, and the drainer that empties it. */
interface Boot {
  readonly bootId: number;
  readonly telemetry: Telemetry;
  readonly reader: Reader;
  readonly drainer: Drainer;
  /** When its clock was 0, in the simulation's time. */
  readonly bootedMs: number;
  drained: number;
  /** Events of the packet that was drained last. */
  lastEvents: number;
}

/**
 * A simulated device: the real emitter and drainer, called by traffic that is determined by the seed. Its clock is the
 * traffic's.
 */
export class Device {
  readonly id: string;
  readonly #options: DeviceOptions;
  readonly #random: Random;
  readonly #traffic: Traffic;
  readonly #past: BootCounters[] = [];
  readonly #link: Record<(typeof LINK_COUNTERS)[number], number>;
  #clockMs = 0;
  #boot: Boot | undefined;
  /** When it boots next, if it is off. */
  #upMs = 0;
  #events = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.id = options.id;
    this.#random = new Random(options.seed, options.number);
    const rate = options.rate === "max" ? MAX_RATE_OF_DEVICE : options.rate;
    this.#traffic = new Traffic(this.#random, { rate, rebootEvery: options.rebootEvery });
    this.#link = { packets: 0, bytes: 0, refusals: 0, opens: 0, failures: 0, stalls: 0, dropped: 0 };
  }

  /** Events emitted so far. */
  get events(): number {
    return this.#events;
  }

  /**
   * Makes the calls that are due at `nowMs`, until `mostEvents` were emitted in all. Times count from when the device
   * was switched on.
   */
  advance(nowMs: number, mostEvents: number): void {
    if (this.#boot === undefined) {
      if (nowMs < this.#upMs) return;
      this.#boot = this.#start(nowMs);
    }
    const { telemetry, bootedMs } = this.#boot;
    const traffic = this.#traffic;
    const isPaced = this.#options.rate !== "max";
    for (let room = isPaced ? mostEvents : this.#room(telemetry); room > 0 && this.#events < mostEvents; room--) {
      const dueMs = traffic.nextMs;
      if (isPaced && dueMs > nowMs - bootedMs) return;
      this.#clockMs = dueMs;
      if (!traffic.step(telemetry)) {
        this.#stop();
        this.#upMs = nowMs + DOWN_MS;
        return;
      }
      this.#events++;
    }
  }

  /** True if nothing waits in ring or drainer. */
  isDrained(): boolean {
    return !this.#boot || (this.#boot.reader.counters().pending === 0 && this.#boot.drainer.counters().inHand === 0);
  }

  /** Switches the device off: what waits in ring and drainer is lost, and counted. */
  stop(): void {
    if (this.#boot) this.#stop();
  }

  /** For each boot, once the device is off. */
  boots(): readonly BootCounters[] {
    return this.#past;
  }

  link(): LinkCounters {
    return this.#link;
  }

  #start(nowMs: number): Boot {
    const { capacityBytes, policy, open, packetBytes, everyMs, packetsPerSlice } = this.#options;
    // 48 bits, as a real device has.
    const bootId = this.#random.below(2 ** 16) * 2 ** 32 + this.#random.uint32();
    this.#clockMs = 0;
    const telemetry = new Telemetry({ capacityBytes, policy, bootId, clock: { now: () => this.#clockMs | 0 } });
    const reader = telemetry.reader();
    const source = {
      next: (buffer: Uint8Array) => {
        const bytes = reader.next(buffer);
        if (bytes > 0) {
          const { drained } = reader.counters();
          boot.lastEvents = drained - boot.drained;
          boot.drained = drained;
        }
        return bytes;
      },
      repeatTokens: () => reader.repeatTokens(),
    };
    const drainer = new Drainer({ source, open, packetBytes, everyMs, packetsPerSlice });
    const boot: Boot = { bootId, telemetry, reader, drainer, bootedMs: nowMs, drained: 0, lastEvents: 0 };
    return boot;
  }

  #stop(): void {
    const { bootId, reader, drainer, lastEvents } = this.#boot!;
    const unsent = drainer.counters().inHand > 0 ? lastEvents : 0;
    drainer.close();
    reader.close();
    const link = drainer.counters();
    for (const name of LINK_COUNTERS) this.#link[name] += link[name];
    const { emitted, drained, overwritten, discarded, pending, suppressed } = reader.counters();
    this.#past.push({ bootId, emitted, drained, overwritten, discarded, pending, suppressed, unsent });
    this.#boot = undefined;
  }

  /** The number of events that surely fit in the ring, however long they are. */
  #room(telemetry: Telemetry): number {
    const slots = this.#options.capacityBytes / SLOT_BYTES / MOST_RECORD_SLOTS;
    return Math.floor(slots - telemetry.counters().pending);
  }
}
