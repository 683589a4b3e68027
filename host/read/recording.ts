/** One way into any recording: a capture folder, one boot, a folder of captures, packets, frames in a log, a flash image, JSON lines. */
import { type FileHandle, open, stat } from "node:fs/promises";
import { decode, decodeFolder, StreamDecoder } from "../decode/decode.ts";
import { extractFrames } from "../decode/extract-frames.ts";
import type { DecodeItem, DecodeOptions } from "../decode/types.ts";
import type { TelemetryEvent } from "../generated/events.ts";
import { readFlashImage } from "../receive/flash-image.ts";
import { TelemetryError } from "../text/errors.ts";
import { plainBytes } from "../text/input-kind.ts";
import { ioError, nameOf } from "../text/io-error.ts";
import { type ByteForm, byteForm, FORM_BYTES } from "./form.ts";
import { unwrapped } from "./wrapped-lines.ts";

/** Bytes per read: many, because another thread reads and each read has to be waited for. */
const READ_BYTES = 1024 * 1024;
/** No flash is larger; an image is held as a whole. */
const MOST_FLASH_BYTES = 256 << 20;

/** A frame's zero and code, and three bytes of a magic. */
const BEGINNING_BYTES = 5;
/** A line of a packet on a console, and what monitors put before it, has fewer. */
const MOST_LINE_BYTES = 1024;

type Source = AsyncIterable<Uint8Array>;

/** A recording whose form is known. It can be read once. */
export interface Recording {
  readonly form: "folder" | ByteForm;
  /**
   * Its events, as in decode(). Bytes without a packet, including JSON lines, count as damage. Fails if the source
   * fails; throws TelemetryError E_NO_CAPTURE (exit code 2) for a folder without packets, E_TOO_LARGE (1) for an image
   * larger than any flash.
   */
  items<E = TelemetryEvent>(options: DecodeOptions): AsyncIterable<DecodeItem<E>>;
  /** Its bytes, unpacked. Not for a folder. */
  bytes(): Source;
  /**
   * Its bytes, unpacked, for JSON lines: if they wrap other lines, as those of Docker and journald, the inner lines.
   * Not for a folder.
   */
  lines(): Source;
}

/**
 * Opens a path: a folder, or a file, gzipped or not, which is recognised by its bytes. Throws TelemetryError (exit code
 * 2) E_NOT_FOUND or E_READ. `onRead` is called with the bytes read so far.
 */
export async function openRecording(path: string, onRead?: (bytes: number) => void): Promise<Recording> {
  try {
    if ((await stat(path)).isDirectory())
      return {
        form: "folder",
        items: <E>(options: DecodeOptions) => decodeFolder<E>(path, options),
        bytes: noLines(path),
        lines: noLines(path),
      };
    return await recordingOf(fileBytes(path, await open(path), onRead), path);
  } catch (error) {
    throw ioError(path, error);
  }
}

/** The same for bytes from anywhere; `name` is used in problems. */
export async function recordingOf(source: Source, name: string): Promise<Recording> {
  const chunks = plainBytes(source);
  let head: Buffer = Buffer.alloc(0);
  let form: ByteForm | undefined;
  let isWhole = false;
  let failure: unknown;
  while (form === undefined) {
    try {
      const { done, value } = await chunks.next();
      if (done) isWhole = true;
      // Normally the first chunk decides, and is not copied.
      else head = head.length === 0 ? asBuffer(value) : Buffer.concat([head, value]);
    } catch (error) {
      // Earlier chunks are given first.
      if (head.length === 0) throw error;
      isWhole = true;
      failure = error;
    }
    form = byteForm(head.subarray(0, FORM_BYTES), isWhole);
  }
  async function* bytes(): AsyncGenerator<Uint8Array, void, void> {
    if (head.length > 0) yield head;
    if (failure !== undefined) throw failure;
    if (!isWhole) yield* chunks;
  }
  /** A caller that stops before the end, or before the beginning, leaves nothing open. */
  async function* closing<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
    try {
      yield* items;
    } finally {
      await chunks.return();
    }
  }
  return {
    form,
    items: <E>(options: DecodeOptions) => closing(itemsOf<E>(form, bytes(), { file: name, ...options })),
    bytes: () => closing(bytes()),
    lines: () => closing(unwrapped(bytes())),
  };
}

/** decode() for any path. Throws as openRecording, and as its items. */
export async function* decodePath<E = TelemetryEvent>(
  path: string,
  options: DecodeOptions,
): AsyncGenerator<DecodeItem<E>, void, undefined> {
  yield* (await openRecording(path)).items<E>(options);
}

function itemsOf<E>(form: ByteForm, bytes: Source, options: DecodeOptions): AsyncIterable<DecodeItem<E>> {
  switch (form) {
    case "packets":
    case "lines":
      return decode<E>(bytes, options);
    case "frames":
      return extractFrames<E>(bytes, options);
    case "flash":
      return flashItems<E>(bytes, options);
    case "text":
    case "bytes":
      return soughtItems<E>(bytes, options);
  }
}

/** Packets or frames may begin after the bytes that were examined. */
async function* soughtItems<E>(bytes: Source, options: DecodeOptions): AsyncGenerator<DecodeItem<E>, void, undefined> {
  const chunks = bytes[Symbol.asyncIterator]();
  const decoder = new StreamDecoder<E>(options);
  let before: Buffer = Buffer.alloc(0);
  let readBytes = 0;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) break;
    const chunk = asBuffer(value);
    const whole = Buffer.concat([before, chunk]);
    const found = byteForm(whole, true);
    if (found === "frames") {
      const base = readBytes - before.length;
      async function* rest(): AsyncGenerator<Uint8Array, void, void> {
        yield whole;
        yield* { [Symbol.asyncIterator]: () => chunks };
      }
      for await (const item of extractFrames<E>(rest(), options))
        yield item.kind === "problem" && item.problem.offsetBytes !== undefined
          ? { kind: "problem", problem: { ...item.problem, offsetBytes: item.problem.offsetBytes + base } }
          : item;
      return;
    }
    yield* decoder.push(chunk);
    // A frame's zero and code, and a part of the magic after them, may be its last bytes; or a part of a console's line.
    const lineBytes = whole.length - 1 - whole.lastIndexOf(0x0a);
    const keptBytes = Math.max(BEGINNING_BYTES, Math.min(lineBytes, MOST_LINE_BYTES));
    before = Buffer.from(whole.subarray(Math.max(0, whole.length - keptBytes)));
    readBytes += chunk.length;
    if (found === "packets") break;
  }
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) break;
    yield* decoder.push(value);
  }
  yield* decoder.end();
}

async function* flashItems<E>(bytes: Source, options: DecodeOptions): AsyncGenerator<DecodeItem<E>, void, undefined> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    length += chunk.length;
    if (length > MOST_FLASH_BYTES) {
      const message = `${nameOf(options.file ?? "-")}: a flash image of more than ${MOST_FLASH_BYTES >> 20} MB: cut out the partition of the store`;
      throw new TelemetryError("E_TOO_LARGE", message, 1);
    }
    parts.push(Buffer.from(chunk));
  }
  const { packets, problems } = readFlashImage(Buffer.concat(parts, length));
  const decoder = new StreamDecoder<E>({ ...options, isWhole: true });
  for (const problem of problems) yield decoder.damage(problem);
  for (const packet of packets) yield* decoder.push(packet);
  yield* decoder.end();
}

async function* fileBytes(
  path: string,
  file: FileHandle,
  onRead?: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let readBytes = 0;
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length);
      if (bytesRead === 0) return;
      readBytes += bytesRead;
      onRead?.(readBytes);
      yield buffer.subarray(0, bytesRead);
    }
  } catch (error) {
    throw ioError(path, error, readBytes);
  } finally {
    await file.close();
  }
}

function noLines(path: string): () => Source {
  return () => {
    throw new TelemetryError("E_IS_DIRECTORY", `${nameOf(path)} is a capture, not JSON lines`, 2);
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
