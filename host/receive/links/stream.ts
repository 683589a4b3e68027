/** Frames and log text from a stream of bytes, such as standard input: `xs-telemetry capture --stdin < serial.log`. */
import { setImmediate } from "node:timers/promises";
import { plainBytes } from "../../text/input-kind.ts";
import { ioError } from "../../text/io-error.ts";
import { Deframer } from "../deframer.ts";
import { InputSample } from "../nothing-found.ts";
import { Framed } from "./framed.ts";
import { Ending, type Link, type LinkEvents } from "./link.ts";

/**
 * Bytes processed at once; then signals and timers get their turn. At worst, with a line or a bad frame every few
 * bytes, about 50 ms.
 */
export const SLICE_BYTES = 16 * 1024;

/**
 * Reads the stream, unpacked if it is gzip or UTF-16, until it ends or the link is closed. Never rejects: if the stream
 * fails, `ended` rejects.
 */
export async function openStreamLink(
  stream: AsyncIterable<Uint8Array> & { destroy?(): void },
  events: LinkEvents,
): Promise<Link> {
  const ending = new Ending();
  const sample = new InputSample();
  const framed = new Framed(new Deframer(), events, sample);

  async function read(): Promise<void> {
    let readBytes = 0;
    let failure: unknown;
    try {
      for await (const chunk of plainBytes(stream)) {
        readBytes += chunk.length;
        for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
          const slice = chunk.subarray(at, at + SLICE_BYTES);
          if (!ending.attempt(() => framed.push(slice))) return;
          await setImmediate();
          await events.room?.();
        }
      }
    } catch (error) {
      failure = ioError("-", error, readBytes);
    }
    ending.attempt(() => framed.end());
    ending.end(failure);
  }
  void read();

  return {
    description: "standard input",
    nothingFound: () => sample.nothingFound("packets"),
    ended: ending.promise,
    async close() {
      if (ending.isOver) return;
      ending.attempt(() => framed.end());
      ending.end();
      stream.destroy?.();
    },
  };
}
