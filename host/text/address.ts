/**
 * Normalises an address: a socket that takes IPv6 and IPv4 shows 192.168.0.7 as `::ffff:192.168.0.7`, or
 * `::ffff:c0a8:7`.
 */

/** RFC 4291 §2.5.5.2, the zeros written out or not; the last 32 bits in either form. */
const MAPPED =
  /^(?:::|(?:0{1,4}:){5}|::(?:0{1,4}:){1,4})ffff:(?:(\d{1,3}(?:\.\d{1,3}){3})|([\da-f]{1,4}):([\da-f]{1,4}))$/i;

/** Returns the same address, as IPv4 if it is an IPv4-mapped IPv6 address. Any other text is returned as it is. */
export function plainAddress(address: string): string {
  const [, dotted, high, low] = MAPPED.exec(address) ?? [];
  if (high === undefined || low === undefined) return dotted ?? address;
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return `${a >> 8}.${a & 0xff}.${b >> 8}.${b & 0xff}`;
}
