/** What an unhandled exception would lose is in flash before the device restarts, and is sent after that. */
import type { Telemetry } from "xs-telemetry";
import type { PacketSource } from "xs-telemetry/drainer";
import { type Flash, FlashStore } from "xs-telemetry/flash";

declare global {
  /** XS calls it before it ends, if the manifest defines `abortHook`. `false`: go on all the same. */
  var abort: ((why: string, exception: unknown) => unknown) | undefined;
}

/**
 * Returns what a drainer is to send: first what an earlier boot has left in `flash`, then what `telemetry` records. From now on XS's
 * abort hook writes to `flash` all that no sink has taken, and lets the device restart. That is synchronous, and takes an erase, 50 to
 * 400 ms, for every two packets. Throws what FlashStore throws. RAM: a packet twice over, 3,300 bytes.
 */
export function keepThroughRestarts(telemetry: Telemetry, flash: Flash): PacketSource {
  const reader = telemetry.reader();
  const store = new FlashStore({ flash });
  const buffer = new Uint8Array(store.maxPacketBytes); // now, not when memory may be short
  let inHand: Uint8Array | undefined;
  let inHandBytes = 0;

  globalThis.abort = () => {
    // Perhaps the sink has it, perhaps not. The computer drops what comes twice.
    if (inHand !== undefined && inHandBytes > 0) store.write(inHand, inHandBytes);
    reader.repeatTokens(); // what is left can be read by itself
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) store.write(buffer, bytes);
  };

  return {
    next(into) {
      inHandBytes = 0; // a call says that the packet before is taken
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
