/** Longer than any address with its zone. */
const MAX_IP_LENGTH = 64;
const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;
const GROUPS = 8;
/** Prefix of addresses with an IPv4 address in the two groups after it (RFC 3056). */
const SIX_TO_FOUR = 0x2002;

/**
 * Returns the network of an address: `192.168.0.0/24` for an IPv4 address, also for one that IPv6 maps
 * (`::ffff:192.168.0.25`) or tunnels by 6to4 (`2002:c0a8:19::1`), because its /48 contains all of it; `2001:db8:1::/48`
 * for any other IPv6 address. A zone id (`%eth0`) is dropped. Undefined if the text is not an address: at most 64
 * characters of hostile text are read, and none is returned. Allocates; it is called once for each connection.
 */
export function ipPrefix(ip: string): string | undefined {
  if (ip.length > MAX_IP_LENGTH) return undefined;
  const zone = ip.indexOf("%");
  const address = zone < 0 ? ip : ip.slice(0, zone);
  if (address.indexOf(":") < 0) return zone < 0 ? ipv4Prefix(bytesOfIpv4(address, 0)) : undefined;
  const groups = groupsOfIpv6(address);
  if (groups === undefined) return undefined;
  if (groups[0] === SIX_TO_FOUR) return prefixOfGroups(groups[1]!, groups[2]!);
  let used = 3;
  while (used > 0 && groups[used - 1] === 0) used--;
  if (used === 0 && groups[3] === 0 && groups[4] === 0 && groups[5] === 0xffff)
    return prefixOfGroups(groups[6]!, groups[7]!);
  let prefix = "";
  for (let index = 0; index < used; index++) prefix += groups[index]!.toString(16) + (index < used - 1 ? ":" : "");
  return `${prefix}::/48`;
}

function ipv4Prefix(bytes: readonly number[] | undefined): string | undefined {
  return bytes && `${bytes[0]}.${bytes[1]}.${bytes[2]}.0/24`;
}

/** Of an IPv4 address that stands in two groups of an IPv6 address. */
function prefixOfGroups(high: number, low: number): string {
  return `${high >> 8}.${high & 0xff}.${low >> 8}.0/24`;
}

/** The value of a digit; -1 for all else. */
function digit(code: number, base: 10 | 16): number {
  if (code >= ZERO && code <= 0x39) return code - ZERO;
  const lower = code | 0x20;
  return base === 16 && lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** The four bytes of the IPv4 address that begins at `at` and ends the text. A number with a leading zero is none: some read it as octal. */
function bytesOfIpv4(text: string, at: number): number[] | undefined {
  const bytes: number[] = [];
  let value = -1;
  for (let index = at; index <= text.length; index++) {
    const code = index < text.length ? text.charCodeAt(index) : DOT;
    if (code === DOT) {
      if (value < 0) return undefined;
      bytes.push(value);
      value = -1;
    } else {
      const next = digit(code, 10);
      if (next < 0 || value === 0) return undefined;
      value = value < 0 ? next : value * 10 + next;
      if (value > 255) return undefined;
    }
  }
  return bytes.length === 4 ? bytes : undefined;
}

/** The eight groups of an IPv6 address, written with or without `::`, and with or without an IPv4 address at its end. */
function groupsOfIpv6(text: string): number[] | undefined {
  const groups: number[] = [];
  let gap = -1; // how many groups stand before the `::`
  let at = 0;
  if (text.charCodeAt(0) === COLON) {
    if (text.charCodeAt(1) !== COLON) return undefined;
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    let value = 0;
    let digits = 0;
    let end = at;
    for (; end < text.length; end++, digits++) {
      const next = digit(text.charCodeAt(end), 16);
      if (next < 0) break;
      value = (value << 4) | next;
      if (digits === 4) return undefined;
    }
    if (digits === 0) return undefined;
    if (end < text.length && text.charCodeAt(end) === DOT) {
      const bytes = bytesOfIpv4(text, at);
      if (bytes === undefined) return undefined;
      groups.push((bytes[0]! << 8) | bytes[1]!, (bytes[2]! << 8) | bytes[3]!);
      break;
    }
    groups.push(value);
    if (end === text.length) break;
    if (text.charCodeAt(end) !== COLON) return undefined;
    at = end + 1;
    if (at === text.length) return undefined; // a colon ends it
    if (text.charCodeAt(at) === COLON) {
      if (gap >= 0) return undefined;
      gap = groups.length;
      at++;
    }
  }
  if (gap < 0) return groups.length === GROUPS ? groups : undefined;
  if (groups.length >= GROUPS) return undefined;
  const all: number[] = [];
  for (let index = 0; index < gap; index++) all.push(groups[index]!);
  for (let index = groups.length; index < GROUPS; index++) all.push(0);
  for (let index = gap; index < groups.length; index++) all.push(groups[index]!);
  return all;
}
