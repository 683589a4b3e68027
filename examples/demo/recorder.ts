// The emitter, noting every call and every reading of its clock, so that another engine can replay them.
import { type Connection, type Payload, type Reader, type Reason, Telemetry } from "xs-telemetry";
import { AT_STREAM_ID, PACKET_HEADER_BYTES, STREAM_DATA } from "../../src/ring/packet-layout.ts";
import { toHex } from "../../test/support/assert.ts";
import type { Call, Script, ScriptPayload } from "../../test/support/script.ts";

const payloadOf = (payload: Payload | undefined): { payload?: ScriptPayload } =>
  payload === undefined
    ? {}
    : { payload: typeof payload === "string" ? payload : { hex: toHex(new Uint8Array(payload)) } };

/** A connection with the names of the demo server's reports; message types are strings. */
export interface RecordedConnection {
  connected(): void;
  received(type: string, payload: Payload): void;
  rejected(reason: Reason, type: string, payload: Payload): void;
  sent(type: string): void;
  disconnected(): void;
}

export class Recorder {
  readonly telemetry: Telemetry;
  readonly script: Script;
  /** Every packet drained, in hex. */
  readonly packets: string[] = [];
  /** Bytes of the records in them. */
  recordBytes = 0;
  readonly #reader: Reader;
  readonly #buffer = new Uint8Array(1400);
  #connections = 0;

  constructor(capacityBytes: number) {
    const clock: number[] = [];
    const started = performance.now();
    const now = () => {
      const reading = Math.floor(performance.now() - started);
      clock.push(reading);
      return reading;
    };
    this.script = { capacityBytes, policy: "overwrite", bootId: Date.now(), clock, calls: [] };
    const { policy, bootId } = this.script;
    this.telemetry = new Telemetry({ capacityBytes, policy, bootId, clock: { now } });
    this.#note({ do: "reader" });
    this.#reader = this.telemetry.reader();
  }

  #note(call: Call): void {
    this.script.calls.push(call);
  }

  connect(id: number, ip: string): RecordedConnection {
    const on = this.#connections++;
    this.#note({ do: "connect", id, ip });
    const connection: Connection = this.telemetry.connect(id, ip);
    return {
      connected: () => {
        this.#note({ do: "connected", on });
        connection.connected();
      },
      received: (type, payload) => {
        this.#note({ do: "received", on, type, ...payloadOf(payload) });
        connection.received(this.telemetry.messageType(type), payload);
      },
      rejected: (reason, type, payload) => {
        this.#note({ do: "rejected", on, reason, type, ...payloadOf(payload) });
        connection.rejected(reason, this.telemetry.messageType(type), payload);
      },
      sent: (type) => {
        this.#note({ do: "sent", on, type });
        connection.sent(this.telemetry.messageType(type));
      },
      disconnected: () => {
        this.#note({ do: "disconnected", on });
        connection.disconnected();
      },
    };
  }

  /** The packets that wait. */
  *drain(): Generator<Uint8Array> {
    for (;;) {
      this.#note({ do: "next", on: 0, bytes: this.#buffer.length });
      const length = this.#reader.next(this.#buffer);
      if (length === 0) return;
      const packet = this.#buffer.slice(0, length);
      this.packets.push(toHex(packet));
      if (packet[AT_STREAM_ID] === STREAM_DATA) this.recordBytes += length - PACKET_HEADER_BYTES;
      yield packet;
    }
  }
}
