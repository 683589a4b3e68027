// Real clients through the adapter, a capture and decode: every event is accounted for. The million: `npm run bench -- server`.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Telemetry } from "xs-telemetry";
import { CaptureWriter, type DecodeSummary, decodePath, registry } from "xs-telemetry/host";
import { instrument } from "xs-telemetry/ws";
import { echoServer, startClients } from "../support/ws-load.ts";

describe("100 clients on an instrumented server", () => {
  for (const [title, capacityBytes] of [
    ["a ring that is large enough", 1 << 20],
    ["a ring that overflows", 4096],
  ] as const)
    it(`have every event emitted decoded or reported as lost, with ${title}`, async () => {
      const clients = 100;
      const messages = 20_000;
      const path = join(mkdtempSync(join(tmpdir(), "xs-telemetry-load-")), "capture");
      const telemetry = new Telemetry({ capacityBytes });
      const { server, port } = await echoServer();
      const instrumented = instrument(server, telemetry);
      const reader = telemetry.reader();
      const writer = new CaptureWriter(path, { registry });
      const buffer = new Uint8Array(65_536);
      const drain = () => {
        for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer))
          assert.ok(writer.write(buffer.subarray(0, bytes)));
      };
      const timer = setInterval(drain, 20);
      const load = await startClients(clients, port);
      await load.exchange(messages, '{"type":"getStatus"}');
      await load.close();
      while (server.clients.size > 0) await new Promise((resolve) => setImmediate(resolve));
      clearInterval(timer);
      await new Promise((resolve) => server.close(resolve));
      drain();
      writer.close();

      const counters = reader.counters();
      assert.equal(counters.emitted, 3 * clients + 2 * messages);
      assert.equal(counters.emitted, counters.drained + counters.overwritten + counters.discarded);
      assert.equal(counters.overwritten > 0, capacityBytes === 4096);
      assert.deepEqual(instrumented.counters(), { failures: 0, lateRejections: 0 });
      let summary: DecodeSummary | undefined;
      for await (const item of decodePath(path, { registry })) if (item.kind === "summary") summary = item.summary;
      const decoded = Object.values(summary!.events).reduce((sum, count) => sum + count, 0);
      assert.equal(decoded, counters.drained);
      assert.equal(decoded + summary!.lostOnDevice + summary!.lostInTransit, counters.emitted);
      rmSync(join(path, ".."), { recursive: true });
    });
});
