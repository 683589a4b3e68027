/** What became of the packets written so far. */
export interface CaptureCounters {
  /** Data packets in the capture, and token packets. */
  packets: number;
  tokenPackets: number;
  /** Events in them. */
  events: number;
  /** Bytes of packets. */
  bytes: number;
  /** Lost events, as in DecodeSummary. */
  lostOnDevice: number;
  lostInTransit: number;
  beforeFirstPacket: number;
  /** Packets that did not arrive. */
  missingPackets: number;
  /** Packets that arrived again, or too late. */
  repeated: number;
  /** Packets from another registry or wire format. */
  refused: number;
  /** Other packets that are not in the capture: damaged, or from too many boots. */
  damaged: number;
  /** Events in trace folders that were deleted to keep at most keepParts. */
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
