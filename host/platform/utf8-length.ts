/** Counts the bytes of a string as UTF-8, a lone surrogate as three. Allocates nothing. */
export function utf8Length(): (text: string) => number {
  return (text) => Buffer.byteLength(text);
}
