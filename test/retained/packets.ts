/** Packets as text, read without the host's decoder, for specs inside XS. */
const SLOTS = [1, 1, 4, 1, 1, 1, 8, 1, 8, 1, 1, 1, 2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6, 7, 2, 3];

/** `boot:stream number firstEventSeq discarded record,record,…`; of a token packet `boot:1 number name,name,…`. */
export function recordsOf(packet: Uint8Array): string {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const head = `${view.getUint32(64, true)}:${view.getUint32(20, true)} ${view.getUint32(56, true)} `;
  const end = view.getUint32(40, true) / 8;
  const parts: string[] = [];
  if (view.getUint32(20, true) === 1) {
    for (let at = 96; at < end; at += 4 + view.getUint16(at + 2, true))
      parts.push(String.fromCharCode(...packet.subarray(at + 4, at + 4 + view.getUint16(at + 2, true))));
    return head + parts.join();
  }
  for (let at = 96; at < end; ) {
    const type = packet[at + 4]!;
    if (type === 240) parts.push(`_lost ${view.getUint32(at + 8, true)}`);
    else if (type === 243) parts.push(`_suppressed ${view.getUint32(at + 8, true)}`);
    else if (type === 242)
      parts.push(
        `_boot ${[packet[at + 5], packet[at + 6], view.getUint32(at + 8, true), view.getUint32(at + 12, true)].join("/")}`,
      );
    else parts.push(String(type));
    at += 16 * (SLOTS[type] ?? 1);
  }
  return `${head}${view.getUint32(72, true)} ${view.getUint32(48, true)} ${parts.join()}`;
}
