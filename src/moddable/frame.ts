export { maxFrameBytes } from "../drain/frame.ts";

// Moddable's compiler binds a method to its native only if the method is nothing but this call, with its own parameters.

class NativeFrame {
  write(packet: Uint8Array, byteLength: number, into: Uint8Array): number {
    return native("xs_telemetry_frame_write").call(this, packet, byteLength, into) as number;
  }
}

/**
 * The writeFrame of src/drain/frame.ts in C, byte for byte the same. Throws RangeError if the packet or its frame does
 * not fit.
 */
export const writeFrame = NativeFrame.prototype.write;
