/** What came of the packets written so far. */
export interface CaptureCounters {
  /** Data packets in the capture, and token packets. */
  packets: number;
  tokenPackets: number;
  /** Events in them. */
  events: number;
  /** Bytes of packets. */
  bytes: number;
  /** Events lost, as DecodeSummary has it. */
  lostOnDevice: number;
  lostInTransit: number;
  beforeFirstPacket: number;
  /** Packets that did not arrive. */
  missingPackets: number;
  /** Packets that came again or too late. */
  repeated: number;
  /** Packets of another registry or wire format. */
  refused: number;
  /** Other packets that are not in the capture: damaged, or of too many boots. */
  damaged: number;
  /** Events in trace folders that were deleted to keep no more than keepParts. */
  givenUp: number;
}

/** Sums that several writers may share. */
export function captureCounters(): CaptureCounters {
  return {
    packets: 0,
    tokenPackets: 0,
    events: 0,
    bytes: 0,
    lostOnDevice: 0,
    lostInTransit: 0,
    beforeFirstPacket: 0,
    missingPackets: 0,
    repeated: 0,
    refused: 0,
    damaged: 0,
    givenUp: 0,
  };
}
