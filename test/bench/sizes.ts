/** The emitter's share of a device's flash and RAM. */

import { basename } from "node:path";
import { number, type Table } from "./format.ts";
import {
  bundleBench,
  bytecodeOf,
  runInRv32,
  rv32Machine,
  SWITCH_MODULE,
  type Variant,
  variants,
} from "./xs-engines.ts";

const MALLOC = "test/bench/xs/malloc.c";

export interface Sizes {
  readonly path: Variant["path"];
  /** XS's bytecode of the flat module, and of the switch. */
  readonly bytecodeBytes: number;
  /** Text and data of the natives, compiled for RV32. */
  readonly nativeBytes: number;
  /** RAM of an emitter besides its ring, on the 32-bit machine. */
  readonly emitterBytes: number;
  readonly readerBytes: number;
  readonly connectionBytes: number;
}

export async function measureSizes(): Promise<Sizes[]> {
  const main = await bundleBench("test/bench/xs/ram.ts", "dist/bench/ram.js");
  const found: Sizes[] = [];
  for (const { path, module, natives } of await variants()) {
    let bytecodeBytes = 0;
    for (const part of [module, SWITCH_MODULE]) bytecodeBytes += (await bytecodeOf(part)).code;
    const files = await (await rv32Machine(natives)).sizes();
    const ram = JSON.parse(await runInRv32([...natives, MALLOC], module, main)) as Record<string, number>;
    found.push({
      path,
      bytecodeBytes,
      nativeBytes: files.reduce((sum, { text, data, bss }) => sum + text + data + bss, 0),
      emitterBytes: ram.emitter!,
      readerBytes: ram.reader!,
      connectionBytes: ram.connection!,
    });
  }
  return found;
}

/** Sizes of the C files: the ring, its packets, UTF-8, and the binding to XS. */
export async function nativesTable(): Promise<Table> {
  const { natives } = (await variants()).find(({ path }) => path === "native")!;
  const files = await (await rv32Machine(natives)).sizes();
  const rows = files.map(({ file, text, data, bss }) => [`\`${basename(file)}\``, number(text + data + bss)]);
  return { title: "", head: ["native file", "bytes"], rows };
}
