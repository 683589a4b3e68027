/** Standard output. */
export function platformPrint(line: string): void {
  process.stdout.write(line);
}

/** The text of the first `length` bytes, all of them ASCII. */
export function asciiText(bytes: Uint8Array, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
}
