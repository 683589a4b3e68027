/** What ECMA-419's IO classes take as bytes. */
export type IOBuffer = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** A copy of them: Node writes when it gets to it, and the caller's buffer is the caller's again at once. @internal */
export function copyOf(buffer: IOBuffer): Buffer {
  if (!ArrayBuffer.isView(buffer)) return Buffer.from(new Uint8Array(buffer));
  return Buffer.from(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
}
