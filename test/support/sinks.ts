// For specs of sinks: what they tell, what they are given.

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

/** What is no class of ports. */
export const wrongIo = [undefined, null, {}, "Serial"];
