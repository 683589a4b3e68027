/** Follows a growing capture. */
import { join } from "node:path";
import { STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import { type BootFolder, listCaptures, STREAM_FILE, TOKENS_FILE } from "../capture/folder.ts";
import { openRegular } from "../capture/regular-file.ts";
import type { ClockOf } from "../decode/contexts.ts";
import { isGivenUp, type Trace, tracesOf } from "../decode/merge.ts";
import { PacketScanner } from "../decode/packet-scanner.ts";
import { CHUNK_BYTES, Session } from "../decode/session.ts";
import { clocksOf } from "../decode/trace-clocks.ts";
import { TelemetryError } from "../text/errors.ts";
import { ioError, nameOf } from "../text/io-error.ts";
import { EVENT_LINES, EventLines, type ReadItem, type ReadOptions } from "./events.ts";

const EVERY_MS = 250;
const FILES = [
  [TOKENS_FILE, STREAM_TOKENS],
  [STREAM_FILE, STREAM_DATA],
] as const;

/**
 * Returns the events of a capture folder, and what is added to it from then on, until the process is told to end, or
 * `ended` is aborted. `caughtUp` is called when everything that was there has been read. Throws as decodeFolder, and
 * TelemetryError (exit code 2): E_USAGE if several processes captured one boot, whose packets can be put in order only
 * when all are there; E_NOT_FOUND if the folder is deleted, E_REPLACED if a file gets shorter. Memory: the state of decoding for each device.
 */
export async function* followFolder(
  path: string,
  { registry }: ReadOptions,
  caughtUp: () => void,
  ended?: AbortSignal,
): AsyncGenerator<ReadItem[], void, void> {
  const captures = () => {
    try {
      return listCaptures(path);
    } catch (error) {
      throw ioError(path, error); // it was deleted meanwhile
    }
  };
  const lines = new EventLines([registry], false);
  const sessions = new Map<string | undefined, Session>();
  const offsets = new Map<string, number>();
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let isOver = false;
  let wake: () => void = () => {};
  const stop = () => {
    isOver = true;
    wake();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, stop);
  ended?.addEventListener("abort", stop);
  if (ended?.aborted) stop();

  async function* grown(session: Session, boot: BootFolder): AsyncGenerator<ReadItem[], void, void> {
    for (const [name, streamId] of FILES) {
      const file = join(boot.path, name);
      try {
        const opened = await openRegular(file, path);
        if (opened === undefined) continue;
        const scanner = new PacketScanner(session, { file, boot, streamId, repeatsTokens: true });
        let at = offsets.get(file) ?? 0;
        if (opened.sizeBytes < at) {
          await opened.file.close();
          const message = `${nameOf(file)}: is shorter than what was read of it: it was replaced; run the command again`;
          throw new TelemetryError("E_REPLACED", message, 2);
        }
        try {
          while (at < opened.sizeBytes && !isOver) {
            const { bytesRead } = await opened.file.read(buffer, 0, Math.min(buffer.length, opened.sizeBytes - at), at);
            if (bytesRead === 0) break;
            at += bytesRead;
            for (const item of scanner.push(buffer.subarray(0, bytesRead))) lines.add(item);
            yield lines.take();
          }
        } finally {
          await opened.file.close();
        }
        // The rest of a packet that is being written is read again with what follows.
        offsets.set(file, at - scanner.waitingBytes);
      } catch (error) {
        if (!isGivenUp(file)) throw ioError(file, error);
        offsets.delete(file);
      }
    }
  }

  try {
    for (let isFirst = true; !isOver; isFirst = false) {
      for (const trace of tracesOf(captures())) {
        const boots = chainOf(trace, path);
        let session = sessions.get(trace.device);
        if (session === undefined) {
          const begun = new Session({ registry, ...EVENT_LINES });
          session = begun;
          // For each new boot, the anchors that exist by then.
          const clockOf: ClockOf = (place) =>
            clocksOf(
              tracesOf(captures()).filter(({ device }) => device === place.device),
              path,
              (problem) => begun.items.problem(problem),
            )(place);
          session.begin(trace.device, clockOf);
          sessions.set(trace.device, session);
        }
        for (const boot of boots) yield* grown(session, boot);
      }
      if (isFirst) caughtUp();
      if (!isOver)
        await new Promise<void>((resolve) => {
          wake = resolve;
          setTimeout(resolve, EVERY_MS);
        });
    }
    lines.end();
    yield lines.take();
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, stop);
    ended?.removeEventListener("abort", stop);
  }
}

function chainOf({ chains }: Trace, path: string): readonly BootFolder[] {
  if (chains.length < 2) return chains.flat();
  const message = `${nameOf(path)}: several processes captured one boot, so its packets can be put in order only at the end: leave --follow out`;
  throw new TelemetryError("E_USAGE", message, 2);
}
