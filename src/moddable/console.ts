/**
 * XS's own: in debug builds that of xsbug, in release builds the console, if there is one. It does not add a line
 * break.
 */
export function platformPrint(line: string): void {
  trace(line);
}

/**
 * Returns the text of the first `length` bytes; all of them must be ASCII and not zero. `bytes` must begin where its
 * buffer does.
 */
export function asciiText(bytes: Uint8Array, length: number): string {
  return String.fromArrayBuffer(bytes.buffer, 0, length);
}
