// For specs of sinks: what they report, and what they are given.

/** What a sink tells. */
export function listen() {
  const told: string[] = [];
  const events = { onWritable: () => told.push("writable"), onError: (error?: unknown) => told.push(`error ${error}`) };
  return { told, events };
}

export function packetOf(bytes: number, value = 1): Uint8Array {
  const packet = new Uint8Array(bytes + 10).fill(0x77);
  packet.fill(value, 0, bytes);
  packet[bytes >> 1] = 0;
  return packet;
}

/** Not a class of ports. */
export const wrongIo = [undefined, null, {}, "Serial"];

/** Objects that claim to be a Uint8Array, or to be thirty million bytes long. As bytes each would be read number by number. */
export function pretenders(): unknown[] {
  const long = { length: { value: 3e7 }, byteLength: { value: 3e7 }, byteOffset: { value: 0 } };
  const buffer = Object.create(ArrayBuffer.prototype, long);
  return [
    Object.create(Uint8Array.prototype, { ...long, buffer: { value: buffer } }),
    Object.create(Uint8Array.prototype),
    buffer,
    new ArrayBuffer(1400),
    new Uint16Array(1400),
    new DataView(new ArrayBuffer(1400)),
    { ...long, buffer },
    new Array(1400).fill(0),
    undefined,
    null,
  ];
}
