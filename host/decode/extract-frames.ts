/** Reads events from the frames in a log, or in a flash image. */

import type { TelemetryEvent } from "../generated/events.ts";
import { Deframer } from "../receive/deframer.ts";
import { InputSample } from "../receive/nothing-found.ts";
import { extractLine } from "../text/extract.ts";
import { StreamDecoder } from "./decode.ts";
import type { DecodeItem, DecodeOptions } from "./types.ts";

const SLICE_BYTES = 64 * 1024;

/**
 * Decodes the packets in frames in these bytes, whatever is between the frames: log text, erased flash, garbage. The
 * offset of a problem is that of its frame. Bad frames count as damage; if there is no packet, E_NO_FRAMES says why;
 * telemetry lines between the frames are counted, W_LINES. Fails only if the source fails; memory is bounded. `E`: as
 * in decode().
 */
export async function* extractFrames<E = TelemetryEvent>(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: DecodeOptions,
): AsyncGenerator<DecodeItem<E>, void, undefined> {
  const deframer = new Deframer();
  const decoder = new StreamDecoder<E>({ ...options, isWhole: true });
  const sample = new InputSample();
  let lines = 0;
  function* decoded(items: ReturnType<Deframer["push"]>): Generator<DecodeItem<E>, void, undefined> {
    for (const item of items) {
      if (item.kind === "text") {
        if (extractLine(item.text, 0, 0)?.kind === "event") lines++;
        continue;
      }
      if (item.kind === "damage") {
        if (item.problem.code === "E_NO_FRAMES") sample.found();
        yield decoder.damage(item.problem);
        continue;
      }
      sample.found();
      for (const result of decoder.push(item.packet))
        yield result.kind === "problem"
          ? { kind: "problem", problem: { ...result.problem, offsetBytes: item.offsetBytes } }
          : result;
    }
  }
  for await (const chunk of source) {
    sample.add(chunk);
    // The results of a slice are taken before the next is read, however large chunks are.
    for (let at = 0; at < chunk.length; at += SLICE_BYTES)
      yield* decoded(deframer.push(chunk.subarray(at, at + SLICE_BYTES)));
  }
  yield* decoded(deframer.end());
  const empty = sample.bytes === 0 ? { code: "E_NO_FRAMES", message: "no packet in 0 bytes" } : undefined;
  const nothing = sample.nothingFound("packets")?.problem ?? empty;
  if (nothing !== undefined) yield decoder.damage(nothing);
  else if (lines > 0) {
    const message = `${lines} telemetry lines between the frames are ignored: read them with xs-telemetry extract, without --frames`;
    yield { kind: "problem", problem: { code: "W_LINES", message, count: lines } };
  }
  yield { kind: "summary", summary: decoder.summary() };
}
