/** Runs inside XS: prints as JSON how many bytes of RAM an emitter (besides its ring and its empty table of tokens), a reader and a connection hold. */
import { Telemetry, type Token } from "xs-telemetry";
import { TokenTable } from "../../../src/ring/tokens.ts";
import { RING_BYTES } from "../case.ts";

declare const print: (line: string) => void;
declare const gc: () => void;
declare const heap: { slots(): number; chunkBytes(): number; readonly slotBytes: number };
declare const native: (name: string) => () => number;

const mallocBytes = native("xs_bench_malloc_bytes");

function usedBytes(): number {
  gc();
  return heap.slots() * heap.slotBytes + heap.chunkBytes() + mallocBytes();
}

usedBytes();
const before = usedBytes();
const tokens = new TokenTable(64);
const empty = usedBytes();
const telemetry = new Telemetry({ capacityBytes: RING_BYTES });
const withEmitter = usedBytes();
const reader = telemetry.reader();
const withReader = usedBytes();
const connection = telemetry.connect(1);
const withConnection = usedBytes();
const token = telemetry.messageType("getStatus");

// Used after the last count, so that nothing of it was collected before.
connection.received((token + tokens.count) as Token);
reader.next(new Uint8Array(256));
print(
  JSON.stringify({
    tokens: empty - before,
    emitter: withEmitter - empty - RING_BYTES - (empty - before),
    reader: withReader - withEmitter,
    connection: withConnection - withReader,
  }),
);
