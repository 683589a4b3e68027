/** Puts what an unhandled exception would lose into flash before the device restarts, and sends it afterwards. */
import type { Telemetry } from "xs-telemetry";
import type { PacketSource } from "xs-telemetry/drainer";
import { type Flash, FlashStore } from "xs-telemetry/flash";

declare global {
  /** XS calls it before it ends, if the manifest defines `abortHook`. `false`: continue all the same. */
  var abort: ((why: string, exception: unknown) => unknown) | undefined;
}

/**
 * Returns the source for a drainer: first what an earlier boot has left in `flash`, then what `telemetry` records. From now on XS's abort hook writes
 * everything that no sink has taken to `flash`, and lets the device restart. That is synchronous, and takes an erase, 50 to 400 ms, for every two
 * packets. Throws what FlashStore throws. RAM: a packet twice, 3,300 bytes.
 */
export function keepThroughRestarts(telemetry: Telemetry, flash: Flash): PacketSource {
  const reader = telemetry.reader();
  const store = new FlashStore({ flash });
  const buffer = new Uint8Array(store.maxPacketBytes); // now, not when memory may be short
  let inHand: Uint8Array | undefined;
  let inHandBytes = 0;

  globalThis.abort = () => {
    // The sink may or may not have it. The computer drops a repeated packet.
    if (inHand !== undefined && inHandBytes > 0) store.write(inHand, inHandBytes);
    reader.repeatTokens(); // the rest can be read by itself
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) store.write(buffer, bytes);
  };

  return {
    next(into) {
      inHandBytes = 0; // a call means that the previous packet is taken
      const left = store.next(into);
      if (left > 0) return left;
      inHand = into;
      inHandBytes = reader.next(into);
      return inHandBytes;
    },
    repeatTokens() {
      reader.repeatTokens();
    },
  };
}
