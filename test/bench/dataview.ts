/** TextEncoder, or Moddable's. */
interface Encoder {
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}

import { equal } from "../support/assert.ts";
import { CLIENT_ID, CONN_EPOCH } from "./case.ts";

const HEAD_BYTES = 32;
const LENGTH_BYTES = 4;
const TEXT_BYTES = 100;
const MSG_RECV = 5;

/**
 * Binary records as somebody writes them who has not measured: eight words by DataView; with a payload its length and its text by encodeInto; one
 * record after the other. No counted losses, no wrap of time, no guarantee of valid UTF-8, no reader.
 */
export class DataViewRecorder {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  readonly #encoder: Encoder;
  readonly #now: () => number;
  #eventSeq = 0;
  #at = 0;

  constructor(capacityBytes: number, encoder: Encoder, now: () => number) {
    const buffer = new ArrayBuffer(capacityBytes);
    this.#view = new DataView(buffer);
    this.#bytes = new Uint8Array(buffer);
    this.#encoder = encoder;
    this.#now = now;
  }

  received(clientId: number, messageType: number, payload?: string): void {
    const view = this.#view;
    let at = this.#at;
    if (at + HEAD_BYTES + LENGTH_BYTES + TEXT_BYTES > view.byteLength) at = 0;
    view.setUint32(at, this.#now(), true);
    view.setUint32(at + 4, this.#eventSeq++, true);
    view.setUint32(at + 8, MSG_RECV, true);
    view.setUint32(at + 12, 0, true); // result
    view.setUint32(at + 16, 0, true); // reason
    view.setUint32(at + 20, messageType, true);
    view.setUint32(at + 24, clientId, true);
    view.setUint32(at + 28, CONN_EPOCH, true);
    at += HEAD_BYTES;
    if (payload !== undefined) {
      const from = at + LENGTH_BYTES;
      const { written } = this.#encoder.encodeInto(payload, this.#bytes.subarray(from, from + TEXT_BYTES));
      view.setUint32(at, written, true);
      at = from + TEXT_BYTES;
    }
    this.#at = at;
  }

  /** Throws unless this many messages were recorded, the last with this payload. Returns its bytes. */
  check(payload: string | undefined, count: number): number {
    const bytes = HEAD_BYTES + (payload === undefined ? 0 : LENGTH_BYTES + TEXT_BYTES);
    const from = this.#at - bytes;
    const expected = [
      count - 1,
      MSG_RECV,
      0,
      0,
      1,
      CLIENT_ID,
      CONN_EPOCH,
      ...(payload === undefined ? [] : [payload.length]),
    ];
    for (const [index, word] of expected.entries())
      equal(this.#view.getUint32(from + 4 + index * 4, true), word, `word ${index + 1} of the last record`);
    if (payload !== undefined) {
      const text = this.#bytes.subarray(this.#at - TEXT_BYTES, this.#at - TEXT_BYTES + payload.length);
      equal(String.fromCharCode(...text), payload, "text of the last record");
    }
    return bytes;
  }
}
