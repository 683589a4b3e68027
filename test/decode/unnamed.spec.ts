import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { LiveDecoder, type LiveEvents } from "../../host/decode/live-decoder.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { Problem } from "../../host/text/errors.ts";
import { assertConforms, decoded, gathered } from "../support/decoded.ts";
import { joined, PacketSource } from "../support/packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

/** Three packets of a boot: of six uses of tokens two are of token 0, two of a named one, two of one without a name. */
function boot(header: object) {
  const source = new PacketSource(header);
  const packets = [source.tokens([[1, "named"]])];
  for (let time = 0; time < 2; time++)
    packets.push(source.data([0, 1, 9].map((token) => ({ event: "msg.send" as const, time, token }))));
  return packets;
}

const told = (problems: readonly Problem[]) =>
  problems.map(({ code, count, bootId, reader, device }) => [code, count, bootId, reader, device]);

describe("message types whose names did not arrive", () => {
  it("are reported once for each boot and reader of a stream, with their number; the events conform", () => {
    const packets = [boot({ bootId: 1 }), boot({ bootId: 1, reader: 3 }), boot({ bootId: 2 })].flat();
    const { events, problems, summary } = decoded(joined(packets));
    events.forEach(assertConforms);
    assert.deepEqual(told(problems), [
      ["W_UNNAMED", 2, 1, 0, undefined],
      ["W_UNNAMED", 2, 1, 3, undefined],
      ["W_UNNAMED", 2, 2, 0, undefined],
    ]);
    assert.equal(summary.unnamedTokens, 6);
    assert.match(problems[1]!.message, /^2 message types are written as "".*boot 00000000000001, reader 3$/);
  });

  it("are reported for boots that are forgotten before the end, too", () => {
    const packets = Array.from({ length: 4200 }, (_, bootId) => boot({ bootId })[1]!);
    const { problems, summary } = decoded(joined(packets));
    const counts = problems.map(({ code, count }) => (code === "W_UNNAMED" ? count! : 0));
    assert.deepEqual(
      [problems.length, counts.reduce((sum, count) => sum + count, 0), summary.unnamedTokens],
      [4200, 8400, 8400],
    );
  });

  it("are reported for each device of a capture, after its events", async () => {
    const root = mkdtempSync(join(tmpdir(), "xs-telemetry-unnamed-"));
    const all = new Collector(join(root, "capture"), { registry });
    for (const device of ["a", "b"]) for (const { bytes } of boot({ bootId: 1 })) all.packet(device, bytes, T0);
    all.close();
    const { problems } = await gathered(decodePath(join(root, "capture"), { registry }));
    rmSync(root, { recursive: true });
    assert.deepEqual(told(problems), [
      ["W_UNNAMED", 2, 1, 0, "a"],
      ["W_UNNAMED", 2, 1, 0, "b"],
    ]);
  });

  it("are reported live, with each packet, and counted in the totals; a name that comes later ends it", () => {
    const seen: LiveEvents[] = [];
    const decoder = new LiveDecoder({ registry, reorderPackets: 0, onEvents: (events) => seen.push(events) });
    const source = new PacketSource({ bootId: 5 });
    const send = (time: number) => source.data([{ event: "msg.send", time, token: 1 }]);
    for (const { bytes } of [send(0), send(1), source.tokens([[1, "late"]]), send(2)]) decoder.push("a", bytes, T0);
    const problems = seen.map((events) => told(events.problems));
    const one = [["W_UNNAMED", 1, 5, 0, "a"]];
    assert.deepEqual([problems, decoder.totals().unnamedTokens], [[one, one, [], []], 2]);
  });
});
