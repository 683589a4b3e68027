/** Events out of the frames in a log, or in a flash image. */

import { Deframer } from "../receive/deframer.ts";
import { StreamDecoder } from "./decode.ts";
import type { DecodeItem, DecodeOptions } from "./types.ts";

const SLICE_BYTES = 64 * 1024;

/**
 * Decodes the packets that stand in frames in these bytes, whatever stands between them: log text, erased flash, garbage. The
 * offset of a problem is that of its frame. Bad frames are damages, E_NO_FRAMES tells that there is none. Fails only as the
 * source fails; memory is bounded.
 */
export async function* extractFrames(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: DecodeOptions,
): AsyncGenerator<DecodeItem, void, undefined> {
  const deframer = new Deframer();
  const decoder = new StreamDecoder({ ...options, isWhole: true });
  let bytes = 0;
  let found = 0;
  function* decoded(items: ReturnType<Deframer["push"]>): Generator<DecodeItem, void, undefined> {
    for (const item of items) {
      if (item.kind === "text") continue;
      found++;
      if (item.kind === "damage") yield decoder.damage(item.problem);
      else
        for (const result of decoder.push(item.packet))
          yield result.kind === "problem"
            ? { kind: "problem", problem: { ...result.problem, offsetBytes: item.offsetBytes } }
            : result;
    }
  }
  for await (const chunk of source) {
    bytes += chunk.length;
    // What comes of a slice is taken before the next is looked at, however large chunks are.
    for (let at = 0; at < chunk.length; at += SLICE_BYTES)
      yield* decoded(deframer.push(chunk.subarray(at, at + SLICE_BYTES)));
  }
  yield* decoded(deframer.end());
  if (found === 0) {
    const message = `no frame in ${bytes} bytes: expected packets in frames; telemetry lines need no --frames`;
    yield decoder.damage({ code: "E_NO_FRAMES", message });
  }
  yield { kind: "summary", summary: decoder.summary() };
}
