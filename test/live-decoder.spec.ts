import assert from "node:assert/strict";
import { registry } from "../host/generated/registry.ts";
import { LiveDecoder, type LiveDecoderOptions, type LiveEvents } from "../host/live-decoder.ts";
import { PacketSource } from "./support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

function live(options: Partial<LiveDecoderOptions> = {}) {
  const seen: LiveEvents[] = [];
  const decoder = new LiveDecoder({ registry, onEvents: (events) => seen.push(events), ...options });
  return { decoder, seen };
}

const one = (source: PacketSource, time: number) => source.data([{ event: "ws.connected", time }]).bytes;

describe("decoding live", () => {
  it("keeps no good device out for a flood of senders of what is no packet, and names each problem", () => {
    const { decoder, seen } = live({ mostDevices: 2 });
    for (let sender = 0; sender < 100; sender++) decoder.push(`stranger ${sender}`, Buffer.alloc(200, sender), T0);
    for (const device of ["a", "b"]) decoder.push(device, one(new PacketSource({ bootId: 5 }), 1), T0);
    const problems = seen.flatMap(({ device, problems }) => problems.map(({ code }) => `${device}: ${code}`));
    assert.deepEqual([problems.length, problems[99]], [100, "stranger 99: E_NO_PACKET"]);
    assert.deepEqual([decoder.totals().devices, decoder.totals().events], [2, 2]);
  });

  it("believes no time of a packet that is refused", () => {
    const { decoder, seen } = live();
    const source = new PacketSource({ bootId: 5 });
    decoder.push("a", one(source, 1000), T0);
    const far = { bootId: 5, timestampBegin: 2 ** 52, packetNumber: 2, firstEventSeq: 2 ** 40 };
    decoder.push("a", new PacketSource(far).data([{ event: "ws.connected", time: 0 }]).bytes, T0 + 1);
    decoder.push("a", one(source, 2000), T0 + 1000);
    decoder.end();
    const last = seen.at(-1)!;
    assert.equal(last.timeOf(2000)!.unixMs, T0 + 1000);
  });

  it("goes by the new time of day once this computer's clock was set, and lets nothing go for it", () => {
    for (const byMs of [3_600_000, -3_600_000]) {
      const { decoder, seen } = live();
      const source = new PacketSource({ bootId: 5 });
      const packets = [1000, 2000, 3000].map((time) => one(source, time));
      decoder.push("a", packets[0]!, T0);
      decoder.push("a", packets[2]!, T0 + 2000);
      decoder.clockSet(byMs);
      decoder.tick(T0 + byMs + 2100);
      decoder.push("a", packets[1]!, T0 + byMs + 2100);
      decoder.end();
      const times = seen.map(({ lines, timeOf }) => timeOf(JSON.parse(lines[0]!).ts_mono_ms)!.unixMs);
      assert.deepEqual([decoder.totals().lostInTransit, times.slice(1)], [0, [T0 + byMs + 1000, T0 + byMs + 2000]]);
    }
  });
});
