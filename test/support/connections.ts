/** What specs of an emitter's calls share: an emitter with a clock of the test's, and its packets read. */
import { Telemetry } from "xs-telemetry";
import { type PlainPacket, readPacket } from "./bytes.ts";

export function setUp(options: Partial<ConstructorParameters<typeof Telemetry>[0]> = {}) {
  const clock = { ms: 1000, now: () => clock.ms };
  const telemetry = new Telemetry({ capacityBytes: 4096, bootId: 9, clock, ...options });
  const reader = telemetry.reader();
  const drain = (): PlainPacket[] => {
    const packets: PlainPacket[] = [];
    const buffer = new Uint8Array(1024);
    for (let length = reader.next(buffer); length > 0; length = reader.next(buffer))
      packets.push(readPacket(buffer.slice(0, length)));
    return packets;
  };
  const records = () => drain().flatMap((packet) => packet.records);
  return { clock, telemetry, reader, drain, records };
}

export function textOf(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "none" : String.fromCharCode(...bytes);
}
