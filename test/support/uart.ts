/** What a UART reads at another rate than the sender's. */

const BITS_OF_BYTE = 10;

/** The bytes that a receiver at `readBaud` makes of these, sent at `sentBaud`, 8N1, with an idle line behind them. */
export function misread(bytes: Uint8Array, sentBaud: number, readBaud: number): Buffer {
  const endBits = bytes.length * BITS_OF_BYTE;
  /** The line at a time, in bits of the sender. */
  const level = (time: number): number => {
    const bit = Math.floor(time);
    if (bit >= endBits) return 1;
    const at = bit % BITS_OF_BYTE;
    if (at === 0) return 0;
    return at === BITS_OF_BYTE - 1 ? 1 : (bytes[Math.floor(bit / BITS_OF_BYTE)]! >> (at - 1)) & 1;
  };
  const step = sentBaud / readBaud;
  const found: number[] = [];
  for (let time = 0; time < endBits; ) {
    if (level(time) === 1) {
      time = Math.floor(time) + 1;
      continue;
    }
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte |= level(time + (bit + 1.5) * step) << bit;
    found.push(byte);
    time += 9.5 * step;
    while (time < endBits && level(time) === 0) time = Math.floor(time) + 1; // a break, or a framing error
  }
  return Buffer.from(found);
}
