/** What a prospective user asks: what it costs, compared with JSON. */
import { number, type Table } from "./format.ts";
import { type Engine, find, type Path, type Row } from "./rows.ts";
import type { Sizes } from "./sizes.ts";

const PATHS = ["native", "typescript", "JSON.stringify"] as const;

export function answersTable(rows: readonly Row[], sizes: readonly Sizes[]): Table {
  type Asked = Pick<Row, "event"> & Partial<Pick<Row, "payloadChars" | "scene">>;
  const found = (engine: Engine, path: Path, asked: Asked) => find(rows, { engine, path, payloadChars: 0, ...asked });
  const each = (what: string, cell: (path: (typeof PATHS)[number]) => number | null | undefined, decimals = 0) => [
    what,
    ...PATHS.map((path) => number(cell(path) ?? null, decimals)),
  ];
  const instructions = (engine: Engine, asked: Asked) => (path: Path) => found(engine, path, asked)?.instructions;
  const received: Asked = { event: "msg.recv" };
  const long: Asked = { event: "msg.recv", payloadChars: 100 };
  const server: Asked = { event: "server", payloadChars: 21, scene: "four-types" };
  const unrecorded = found("xs-rv32", "disabled", server)?.instructions ?? Number.NaN;
  const ofSizes = (value: (size: Sizes) => number) => (path: Path) => {
    const size = sizes.find((one) => one.path === path);
    return size && value(size);
  };
  const guarded = number(found("xs-rv32", "disabled", received)?.instructions ?? null);
  return {
    title: "What does it cost me?",
    head: ["", "emitter in C", "in TypeScript", "`JSON.stringify`"],
    rows: [
      each("a call without payload, instructions, ESP32-C3 (RV32)", instructions("xs-rv32", received)),
      each("… with 100 characters of payload", instructions("xs-rv32", long)),
      each("a call without payload, instructions, ESP32's family (Xtensa)", instructions("xs-xtensa", received)),
      each("one line, `instrument(server, telemetry)`: a message and its answer, instructions, RV32", (path) => {
        const recorded = found("xs-rv32", path, server)?.instructions;
        return recorded == null ? null : recorded - unrecorded;
      }),
      ["switched off, `if (enabled)`, instructions, RV32", guarded, guarded, "–"],
      each("moving an event into a packet, later, instructions, RV32", instructions("xs-rv32", { event: "drain" })),
      each("bytes allocated by a call with 100 characters", (path) => found("xs-rv32", path, long)?.allocatedBytes),
      each("bytes stored for an event without payload", (path) => found("xs-rv32", path, received)?.recordBytes),
      each("bytes stored for an event with 100 characters", (path) => found("xs-rv32", path, long)?.recordBytes),
      each(
        "flash: code, bytes",
        ofSizes(({ bytecodeBytes, nativeBytes }) => bytecodeBytes + nativeBytes),
      ),
      each(
        "RAM in addition to the ring, with one reader, bytes",
        ofSizes(({ emitterBytes, readerBytes }) => emitterBytes + readerBytes),
      ),
      each(
        "a call without payload, ns, in Node on the machine that measured",
        (path) => found("node", path, received)?.ns,
        1,
      ),
    ],
  };
}
