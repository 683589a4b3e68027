class Utf8 {
  lengthOf(text: string): number {
    return native("xs_telemetry_utf8_length").call(this, text) as number;
  }
}

/** Counts the bytes of a string as UTF-8, a lone surrogate as three. Allocates nothing. */
export function utf8Length(): (text: string) => number {
  const utf8 = new Utf8();
  return (text) => utf8.lengthOf(text);
}
