import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Collector, type CollectorOptions } from "../../host/capture/collector.ts";
import type { DecodeItem, DecodeSummary } from "../../host/decode/types.ts";
import { registry } from "../../host/generated/registry.ts";
import { decodePath } from "../../host/read/recording.ts";
import type { Problem } from "../../host/text/errors.ts";
import { PacketSource } from "./packets.ts";

export const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

/** For the cases of a `describe`; call it inside one. */
export class Collecting {
  /** A new folder for each case, and in it a path where nothing is. */
  root = "";
  dir = "";
  problems: (Problem & { device: string | undefined })[] = [];

  constructor() {
    beforeEach(() => {
      this.root = mkdtempSync(join(tmpdir(), "xs-telemetry-collector-"));
      this.dir = join(this.root, "capture");
    });
    afterEach(() => rmSync(this.root, { recursive: true, force: true }));
  }

  codes(): string[] {
    return this.problems.map(({ code }) => code);
  }

  collector(options: Partial<CollectorOptions> = {}): Collector {
    this.problems = [];
    return new Collector(this.dir, {
      registry,
      onProblem: (problem, device) => this.problems.push({ ...problem, device }),
      ...options,
    });
  }

  async decoded(path = this.dir): Promise<{ events: unknown[]; problems: string[]; summary: DecodeSummary }> {
    const items: DecodeItem[] = [];
    for await (const item of decodePath(path, { registry, with: "none" })) items.push(item);
    return {
      events: items.flatMap((item) => (item.kind === "events" ? item.events : [])),
      problems: items.flatMap((item) => (item.kind === "problem" ? [item.problem.code] : [])),
      summary: items.flatMap((item) => (item.kind === "summary" ? [item.summary] : []))[0]!,
    };
  }
}

/** Packets with events one second apart, and losses according to `lost`. */
export function plain(count: number, header = {}, lost: (index: number) => number = () => 0) {
  const source = new PacketSource({ bootId: 7, ...header });
  const packets = [source.tokens([[1, "getStatus"]])];
  for (let index = 0; index < count; index++)
    packets.push(source.data([{ event: "msg.send", time: index * 1000, token: 1 }], lost(index)));
  return packets;
}
