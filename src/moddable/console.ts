/** XS's own: xsbug's in debug builds, the console in release builds that have one. It adds no end of line. */
export function platformPrint(line: string): void {
  trace(line);
}

/** The text of the first `length` bytes, all of them ASCII and none zero. `bytes` begins where its buffer does. */
export function asciiText(bytes: Uint8Array, length: number): string {
  return String.fromArrayBuffer(bytes.buffer, 0, length);
}
