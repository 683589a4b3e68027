// Events in each schema version, and the result of migrating a line.
import { deepEqual, equal } from "node:assert/strict";
import { migrate } from "../../host/migrate/migrate.ts";
import type { RegistryModel } from "../../host/registry/model.ts";
import type { Problem } from "../../host/text/errors.ts";
import { arbitraryEvent } from "./arbitrary-events.ts";
import { laterVersion } from "./later-version.ts";
import { V1, V2, V11, V21 } from "./versions.ts";

export const eventLines = (version: RegistryModel) => arbitraryEvent(version).map((event) => JSON.stringify(event));
export { V1, V2, V11, V21 };
export const V3 = laterVersion(V2);
export const ALL = [V1, V11, V2, V21, V3];

export const HEAD1 = '"ts_mono_ms":71324,"connEpoch":2,"eventSeq":9,"clientId":4';
export const HEAD2 = '"monotonic.timestamp":71324,"lw.conn.epoch":2,"lw.event.seq":9,"client.id":4';
export const END1 = '"schemaVersion":"1.0.0"';
export const END2 = '"schemaVersion":"2.0.0","schemaUrl":"https://xs-telemetry.invalid/schemas/2.0.0"';
/** The same events in either version. */
export const PAIRS: readonly (readonly [string, string])[] = [
  [
    `{"event":"ws.connect",${HEAD1},"ip":"192.168.0.25",${END1}}`,
    `{"event":"ws.connect",${HEAD2},"client.address":"192.168.0.25",${END2}}`,
  ],
  [`{"event":"ws.connect",${HEAD1},"ip":"",${END1}}`, `{"event":"ws.connect",${HEAD2},"client.address":"",${END2}}`],
  [`{"event":"ws.connect",${HEAD1},${END1}}`, `{"event":"ws.connect",${HEAD2},${END2}}`],
  [`{"event":"ws.connected",${HEAD1},${END1}}`, `{"event":"ws.connected",${HEAD2},${END2}}`],
  [`{"event":"ws.disconnect",${HEAD1},${END1}}`, `{"event":"ws.disconnect",${HEAD2},${END2}}`],
  [
    `{"event":"msg.recv",${HEAD1},"msgType":"","result":"ok","reason":"","payloadSummary":"{\\"a\\":1}",${END1}}`,
    `{"event":"msg.recv",${HEAD2},"lw.msg.type":"","lw.msg.result":"ok","lw.msg.reason":"","lw.msg.payload_summary":"{\\"a\\":1}",${END2}}`,
  ],
  [
    `{"event":"msg.recv",${HEAD1},"msgType":"x","result":"rejected","reason":"rate_limit",${END1}}`,
    `{"event":"msg.recv",${HEAD2},"lw.msg.type":"x","lw.msg.result":"rejected","lw.msg.reason":"rate_limit","error.type":"rate_limit",${END2}}`,
  ],
  [
    `{"event":"msg.send",${HEAD1},"msgType":"status","payloadSummary":"",${END1}}`,
    `{"event":"msg.send",${HEAD2},"lw.msg.type":"status","lw.msg.payload_summary":"",${END2}}`,
  ],
];

export async function* chunksOf(bytes: Uint8Array, chunkBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

export interface Outcome {
  readonly lines: string[];
  readonly problems: Problem[];
}

export async function migrated(
  trace: string | Uint8Array,
  to: string,
  versions: readonly RegistryModel[] = ALL,
  chunkBytes = 1 << 20,
): Promise<Outcome> {
  let text = "";
  let count = 0;
  const problems: Problem[] = [];
  for await (const item of migrate(chunksOf(Buffer.from(trace), chunkBytes), { to, registries: versions })) {
    if (item.kind === "problem") problems.push(item.problem);
    else {
      text += item.lines;
      count += item.count;
    }
  }
  const lines = text.split("\n");
  equal(lines.pop(), "", "every line is ended");
  equal(lines.length, count);
  return { lines, problems };
}

/** The one line that results. */
export async function one(line: string, to: string, versions: readonly RegistryModel[] = ALL): Promise<string> {
  const { lines, problems } = await migrated(line, to, versions);
  deepEqual(problems, []);
  equal(lines.length, 1);
  return lines[0]!;
}

/** `code attribute: message` of the one problem, for a line that is not migrated. */
export async function refusal(line: string, to: string, versions: readonly RegistryModel[] = ALL): Promise<string> {
  const { lines, problems } = await migrated(line, to, versions);
  deepEqual(lines, []);
  equal(problems.length, 1, JSON.stringify(problems));
  const [{ code, attribute = "-", message, line: number, offsetBytes }] = problems as [Problem];
  deepEqual([number, offsetBytes], [1, 0]);
  return `${code} ${attribute}: ${message}`;
}

export const parsed = (line: string) => Object.entries(JSON.parse(line) as object);
