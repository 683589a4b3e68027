/** Reads token names from metadata that ctfMetadata() has written. */
import { isUtf8 } from "node:buffer";
import { MAX_TOKEN_BYTES } from "../../src/ring/packet-layout.ts";

export interface MetadataNames {
  readonly bootId: number;
  readonly reader: number;
  /** Tokens from 1 to 65,535, names as in token packets. From the network: hostile. */
  readonly names: ReadonlyMap<number, string>;
}

const BOOT = /^ {2}boot_id = "([0-9a-f]{14})";$/m;
const READER = /^ {2}reader = (\d{1,10});$/m;
const TOKENS = "\nenum token : u16 {\n";
/**
 * One label, as tsdlString() writes it; `y`: labels follow each other directly, and the enum ends where there is none.
 */
const LABEL = /(?:,\n)? {2}"((?:[^"\\\n]|\\[0-7]{3})*)" = (\d{1,5})/y;
/** 65,535 names of 64 bytes, each byte written as four, and the text around them. */
export const MOST_METADATA_BYTES = 65_535 * (4 * MAX_TOKEN_BYTES + 20) + (1 << 20);

/**
 * Returns the names in the metadata, and whose they are; undefined if that is not stated. Invalid names are left out.
 * Never throws.
 */
export function metadataNames(metadata: string): MetadataNames | undefined {
  const [, bootDigits] = BOOT.exec(metadata) ?? [];
  const [, readerDigits] = READER.exec(metadata) ?? [];
  const at = metadata.indexOf(TOKENS);
  if (bootDigits === undefined || readerDigits === undefined || at < 0) return undefined;
  const names = new Map<number, string>();
  LABEL.lastIndex = at + TOKENS.length;
  for (let found = LABEL.exec(metadata); found !== null; found = LABEL.exec(metadata)) {
    const token = Number(found[2]);
    const name = nameOf(found[1]!);
    if (token > 0 && token <= 65_535 && name !== undefined && !names.has(token)) names.set(token, name);
  }
  return { bootId: Number.parseInt(bootDigits, 16), reader: Number(readerDigits), names };
}

/** Undefined for "", which marks a token without a name, and for a name that no token packet can hold. */
function nameOf(escaped: string): string | undefined {
  const latin1 = escaped.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8) & 0xff),
  );
  const bytes = Buffer.from(latin1, "latin1");
  const isName = bytes.length > 0 && bytes.length <= MAX_TOKEN_BYTES && isUtf8(bytes) && !bytes.includes(0);
  return isName ? bytes.toString() : undefined;
}
