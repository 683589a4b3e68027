import { createHash } from "node:crypto";
import type { Attribute, RecordType, RegistryModel } from "./model.ts";

/** Of the layout, and of the earlier one without record types for shorter texts, if it has any. */
export function fingerprintsOf(
  recordTypes: readonly RecordType[],
  attributes: ReadonlyMap<string, Attribute>,
): Pick<RegistryModel, "fingerprint" | "earlierFingerprints"> {
  const before = recordTypes.filter(({ shorterThan }) => shorterThan === undefined);
  return {
    fingerprint: fingerprintOf(recordTypes, attributes),
    ...(before.length < recordTypes.length && { earlierFingerprints: [fingerprintOf(before, attributes)] }),
  };
}

/** A hash of everything that the bytes of a record mean, in the form of an RFC 9562 version 8 UUID; 32 hex digits. */
function fingerprintOf(recordTypes: readonly RecordType[], attributes: ReadonlyMap<string, Attribute>): string {
  const layout = recordTypes.map(({ id, event, slots, fields }) => [
    id,
    event,
    slots,
    fields.map(({ key, type, offsetBits, widthBits, maxBytes }) => [
      key,
      type,
      offsetBits,
      widthBits,
      maxBytes,
      attributes.get(key)!.members.map(({ code, value }) => [code, value]),
    ]),
  ]);
  const bytes = createHash("sha256")
    .update(JSON.stringify(["xs-telemetry wire format 1", layout]))
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex");
}
