/** Where packets go from the device, in ECMA-419's manner. */

/** What a sink reports to its owner, who opened it. Neither call throws; a sink that was closed makes none. */
export interface SinkEvents {
  /** After a refusal: the packet is worth offering again. */
  onWritable(): void;
  /** The sink is broken: its owner closes it. */
  onError(error?: unknown): void;
}

/** An open link, or a store. */
export interface Sink {
  /** Bytes of the longest packet that it takes, 256 to 65,536: a drainer makes none that are longer. */
  readonly maxPacketBytes: number;
  /**
   * Takes the packet that is the first `byteLength` bytes of `buffer`. True: it has the packet, and the buffer may be used for
   * the next. False: not yet; the buffer stays as it is, onWritable() follows, and the same packet is offered again until it is
   * taken. So a sink may be in the middle of it, and what breaks with the sink is sent again by the next one. Throws if the sink
   * is broken, or the buffer is no Uint8Array of that many bytes: its owner closes it. Allocates no more than the IO below makes
   * unavoidable; each sink says how much that is.
   */
  write(buffer: Uint8Array, byteLength: number): boolean;
  /** Gives up what it holds. Never throws; closing twice does nothing. */
  close(): void;
}

/** Opens a sink. Throws if that cannot be done; it is tried again later. */
export type OpenSink = (events: SinkEvents) => Sink;
