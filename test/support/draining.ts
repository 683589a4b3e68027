// What specs of the drainer use: an emitter, a sink and a timer under the control of the spec.
import { Telemetry } from "xs-telemetry";
import { Drainer, type DrainerOptions, type PacketSource } from "xs-telemetry/drainer";
import { readPacket } from "./bytes.ts";
import { FakeSink, FakeTimer } from "./fake-io.ts";

export function setUp(options: Partial<DrainerOptions> = {}, capacityBytes = 4096) {
  const clock = { ms: 0, now: () => clock.ms };
  const telemetry = new Telemetry({ capacityBytes, bootId: 3, clock });
  const reader = telemetry.reader();
  const sink = new FakeSink();
  const timer = new FakeTimer();
  const drainer = new Drainer({
    source: reader,
    open: sink.open,
    timer,
    packetBytes: 256,
    retryMs: 200,
    mostRetryMs: 800,
    stallMs: 500,
    ...options,
  });
  /** N events, ten of which fill a packet. */
  const emit = (count: number) => {
    for (let id = 0; id < count; id++) telemetry.connect(id);
  };
  return { telemetry, reader, sink, timer, drainer, emit };
}

/** A source of packets that are numbers. */
export function numbered(count: number): PacketSource & { left: number; repeated: number } {
  return {
    left: count,
    repeated: 0,
    next(buffer) {
      if (this.left === 0) return 0;
      buffer.fill(this.left--, 0, 100);
      return 100;
    },
    repeatTokens() {
      this.repeated++;
    },
  };
}

export const ids = (packets: readonly Uint8Array[]) =>
  packets.flatMap((bytes) => readPacket(bytes).records.map(({ clientId }) => clientId));

export function upTo(count: number): number[] {
  const numbers: number[] = [];
  while (numbers.length < count) numbers.push(numbers.length);
  return numbers;
}
