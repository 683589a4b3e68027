/** Where packets go from the device, in the manner of ECMA-419. */

/** What a sink reports to the owner that opened it. Neither call throws. A closed sink makes none. */
export interface SinkEvents {
  /** After a refusal: the packet is worth offering again. */
  onWritable(): void;
  /** The sink has failed: its owner closes it. */
  onError(error?: unknown): void;
}

/** An open link, or a store. */
export interface Sink {
  /** Bytes of the longest packet that it accepts, 256 to 65,536: a drainer makes no longer ones. */
  readonly maxPacketBytes: number;
  /**
   * Takes the packet in the first `byteLength` bytes of `buffer`. True: it has the packet, and the buffer is free for
   * the next one. False: not yet; the buffer stays as it is, onWritable() follows, and the same packet is offered again
   * until it is taken. So a sink may refuse in the middle of a packet, and a packet that fails with its sink is sent
   * again by the next one. Throws if the sink has failed, or if the buffer is not a Uint8Array of that many bytes: then
   * its owner closes it. Allocates only what the IO below makes unavoidable; each sink says how much that is.
   */
  write(buffer: Uint8Array, byteLength: number): boolean;
  /** Gives up what it holds. Never throws; closing twice does nothing. */
  close(): void;
}

/** Opens a sink. Throws if that is impossible; it is tried again later. */
export type OpenSink = (events: SinkEvents) => Sink;
