/** What ECMA-419's IO classes accept as bytes. */
export type IOBuffer = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** Copies them: Node writes later, but the caller may reuse its buffer at once. @internal */
export function copyOf(buffer: IOBuffer): Buffer {
  if (!ArrayBuffer.isView(buffer)) return Buffer.from(new Uint8Array(buffer));
  return Buffer.from(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
}
