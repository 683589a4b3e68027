/**
 * Recognises by its first bytes how a stream is encoded: gzip is unpacked, UTF-16 with a byte order mark becomes UTF-8.
 */
import { finished } from "node:stream";
import { createGunzip } from "node:zlib";
import { TelemetryError } from "./errors.ts";

/** "plain": the bytes as they are. */
export type InputKind = "plain" | "gzip" | "utf-16le" | "utf-16be";

/** This many bytes decide, if the first two are ambiguous. */
const KIND_BYTES = 64;
/** Packed bytes that are unpacked at once: they may grow a thousandfold. */
const UNPACKED_AT_ONCE_BYTES = 4096;
const GZIP = [0x1f, 0x8b, 0x08];
const LITTLE_ENDIAN_MARK = [0xff, 0xfe];
const BIG_ENDIAN_MARK = [0xfe, 0xff];

/**
 * Returns the kind of a stream with these first bytes; undefined as long as more bytes could change the answer. 64
 * bytes, or the end of the stream (`isWhole`), always decide. A byte order mark counts only before text: a serial line
 * may begin with the same two bytes.
 */
export function inputKind(first: Uint8Array, isWhole = false): InputKind | undefined {
  if (isWhole && first.length < 2) return "plain";
  const isEnough = isWhole || first.length >= KIND_BYTES;
  if (begins(first, GZIP)) {
    if (first.length >= GZIP.length) return "gzip";
    return isEnough ? "plain" : undefined;
  }
  const kind = begins(first, LITTLE_ENDIAN_MARK) ? "utf-16le" : begins(first, BIG_ENDIAN_MARK) ? "utf-16be" : "plain";
  if (kind === "plain") return kind;
  if (!isEnough) return undefined;
  return isText(first.subarray(2, KIND_BYTES), kind) ? kind : "plain";
}

/** Also true for fewer bytes, which may still become it. */
function begins(bytes: Uint8Array, expected: readonly number[]): boolean {
  return expected.every((byte, index) => index >= bytes.length || bytes[index] === byte);
}

/** Whether these 16-bit units may be a log's: characters, some of them ASCII. */
function isText(bytes: Uint8Array, kind: "utf-16le" | "utf-16be"): boolean {
  const high = kind === "utf-16le" ? 1 : 0;
  let plain = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const unit = (bytes[at + high]! << 8) | bytes[at + 1 - high]!;
    if (unit < 0x20 && !(unit >= 0x08 && unit <= 0x0d) && unit !== 0x1b) return false;
    if (unit < 0x7f) plain++;
  }
  return plain > 0 || bytes.length < 2;
}

/**
 * Returns the content of a stream: unpacked if it is gzip (with one or more members), as UTF-8 if it is UTF-16 with a
 * byte order mark, also within gzip; otherwise unchanged and at once. `onKind` gets the kind before the first bytes.
 * Fails if the source fails, or with TelemetryError E_GZIP (exit code 1) where packed bytes are damaged or cut; what
 * comes before is returned.
 */
export async function* plainBytes(
  source: AsyncIterable<Uint8Array>,
  onKind?: (kind: InputKind) => void,
): AsyncGenerator<Uint8Array, void, void> {
  const { kind, bytes } = await recognised(source);
  onKind?.(kind);
  if (kind === "plain") yield* bytes;
  else if (kind === "gzip") {
    const inner = await recognised(gunzipped(bytes));
    if (inner.kind === "utf-16le" || inner.kind === "utf-16be") {
      onKind?.(inner.kind);
      yield* fromUtf16(inner.bytes, inner.kind);
    } else yield* inner.bytes;
  } else yield* fromUtf16(bytes, kind);
}

/** Reads until the kind is known. */
async function recognised(
  source: AsyncIterable<Uint8Array>,
): Promise<{ kind: InputKind; bytes: AsyncGenerator<Uint8Array, void, void> }> {
  const chunks = source[Symbol.asyncIterator]();
  let first: Uint8Array = new Uint8Array(0);
  let kind: InputKind | undefined;
  while (kind === undefined) {
    const { done, value } = await chunks.next();
    if (done) kind = inputKind(first, true) ?? "plain";
    else {
      first = first.length === 0 ? value : Buffer.concat([first, value]);
      kind = first.length === 0 ? undefined : inputKind(first);
    }
  }
  async function* all(): AsyncGenerator<Uint8Array, void, void> {
    try {
      if (first.length > 0) yield first;
      for (;;) {
        const { done, value } = await chunks.next();
        if (done) return;
        yield value;
      }
    } finally {
      await chunks.return?.();
    }
  }
  return { kind, bytes: all() };
}

/** Unpacks with bounded memory, however much the bytes unpack to. */
async function* gunzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  const gunzip = createGunzip();
  let found: Buffer[] = [];
  let readBytes = 0;
  gunzip.on("data", (bytes: Buffer) => found.push(bytes));
  // For bytes that are damaged, or follow the last member, Node never calls back.
  const over = new Promise<Error | undefined>((resolve) => finished(gunzip, (error) => resolve(error ?? undefined)));
  gunzip.once("end", () => gunzip.destroy());
  const written = (slice: Uint8Array): Promise<Error | undefined> =>
    Promise.race([over, new Promise<undefined>((resolve) => gunzip.write(slice, () => resolve(undefined)))]);
  const refusal = (said: string) =>
    new TelemetryError("E_GZIP", `gzip, ${said}; everything before that is read: fetch or pack the file again`, 1);
  try {
    for await (const chunk of source)
      for (let at = 0; at < chunk.length; at += UNPACKED_AT_ONCE_BYTES) {
        const slice = chunk.subarray(at, at + UNPACKED_AT_ONCE_BYTES);
        readBytes += slice.length;
        const error = await written(slice);
        yield* found;
        found = [];
        if (gunzip.readableEnded) throw refusal(`followed by other bytes at byte ${gunzip.bytesWritten}`);
        if (error !== undefined)
          throw refusal(
            `damaged within its first ${readBytes} bytes; up to 16 KB before the damage are lost, too (${error.message})`,
          );
      }
    gunzip.end();
    const error = await over;
    yield* found;
    if (error !== undefined && !gunzip.readableEnded) throw refusal(`cut after ${readBytes} bytes`);
  } finally {
    gunzip.destroy();
  }
}

/** Invalid UTF-16 becomes U+FFFD. */
async function* fromUtf16(
  source: AsyncIterable<Uint8Array>,
  kind: "utf-16le" | "utf-16be",
): AsyncGenerator<Uint8Array, void, void> {
  const decoder = new TextDecoder(kind);
  for await (const chunk of source) {
    const text = decoder.decode(chunk, { stream: true });
    if (text !== "") yield Buffer.from(text);
  }
  const rest = decoder.decode();
  if (rest !== "") yield Buffer.from(rest);
}
