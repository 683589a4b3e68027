// Runs inside XS on RV32: the cost of an operation, in instructions and allocated bytes, minus an empty loop.
// Prints one line of JSON for each. Each is written as in the emitter, over variables of an enclosing function.

import TextEncoder from "text/encoder";
import { platformClock } from "../../../src/moddable/platform.ts";

declare const print: (line: string) => void;
declare const gc: () => void;
declare const heap: { slots(): number; chunkBytes(): number; readonly slotBytes: number };
declare const instructions: () => number;

type Loop = (count: number) => void;

function operations(): Record<string, Loop> {
  const words = new Int32Array(512);
  const doubles = new Float64Array(words.buffer);
  const others = new Int32Array(512);
  const text = new Uint8Array(words.buffer, 1024, 100);
  const encoder = new TextEncoder();
  const characters = "y".repeat(100);
  const includes = Object(String.prototype.includes) as typeof String.prototype.includes;
  const clock = platformClock();
  const number = 1.5e-310;
  let at = 4;
  let end = 8;
  const nothing = () => {};
  const one = (_first: number) => {};
  const reads = () => at + end;
  class Handle {
    readonly #identity = number;
    call() {}
    callTwo(_first: number, _second?: string) {}
    identity() {
      this.#identity;
    }
  }
  const handle = new Handle();

  // A record of 8 slots with 100 characters, as minimal as possible: one function for all of it, a ring that holds only such
  // records, one token, a clock that never wraps, no reader and no counter.
  const slotsOf = [1, 1, 4, 1, 1, 1, 8];
  let next = 0;
  const ring = new Int32Array(128 + 28);
  const ringDoubles = new Float64Array(ring.buffer, 8);
  const ringText = new Uint8Array(ring.buffer, 128 * 4, 100);
  for (let word = 0; word < 128; word += 32) ring[word + 1] = 6;
  class Least {
    readonly #identity = number;
    received(token: number, payload: string) {
      if (token !== 1) throw new Error("no token");
      const now = clock();
      const result = encoder.encodeInto(payload, ringText);
      if (result.read !== result.written) throw new Error("not ASCII");
      if (includes.call(payload, "\0")) throw new Error("U+0000");
      if (slotsOf[ring[next + 1]! & 0xff] !== 8) throw new Error("not the record that was there");
      ring[next] = now;
      ring[next + 1] = 6 | (token << 16);
      ringDoubles[next >> 1] = this.#identity;
      ring.copyWithin(next + 4, 128, 156);
      next += 32;
      if (next === 128) next = 0;
    }
  }
  const least = new Least();
  return {
    "function call": (count) => {
      for (let turn = 0; turn < count; turn++) nothing();
    },
    "… with one argument": (count) => {
      for (let turn = 0; turn < count; turn++) one(turn);
    },
    "… that reads two enclosing variables": (count) => {
      for (let turn = 0; turn < count; turn++) reads();
    },
    "method call": (count) => {
      for (let turn = 0; turn < count; turn++) handle.call();
    },
    "… that reads a private field": (count) => {
      for (let turn = 0; turn < count; turn++) handle.identity();
    },
    "method call, one argument of two": (count) => {
      for (let turn = 0; turn < count; turn++) handle.callTwo(at);
    },
    "method call, two arguments": (count) => {
      for (let turn = 0; turn < count; turn++) handle.callTwo(at, characters);
    },
    "write to a variable of the enclosing function": (count) => {
      for (let turn = 0; turn < count; turn++) at = turn;
    },
    "`if (a) if (b)`": (count) => {
      for (let turn = 0; turn < count; turn++) if (at) if (end) continue;
    },
    "`if (a && b)`": (count) => {
      for (let turn = 0; turn < count; turn++) if (at && end) continue;
    },
    '`typeof a === "number"`': (count) => {
      for (let turn = 0; turn < count; turn++) typeof at === "number";
    },
    "store into an Int32Array": (count) => {
      for (let turn = 0; turn < count; turn++) words[3] = turn;
    },
    "store into a Float64Array": (count) => {
      for (let turn = 0; turn < count; turn++) doubles[3] = number;
    },
    "load from an Int32Array": (count) => {
      for (let turn = 0; turn < count; turn++) words[3];
    },
    "the clock": (count) => {
      for (let turn = 0; turn < count; turn++) clock();
    },
    "`Math.min`": (count) => {
      for (let turn = 0; turn < count; turn++) Math.min(turn, end);
    },
    "`encodeInto`, 100 characters": (count) => {
      for (let turn = 0; turn < count; turn++) encoder.encodeInto(characters, text);
    },
    "search of 100 characters for U+0000": (count) => {
      for (let turn = 0; turn < count; turn++) includes.call(characters, "\0");
    },
    "`copyWithin`, 32 words": (count) => {
      for (let turn = 0; turn < count; turn++) words.copyWithin(4, 256, 288);
    },
    "`set` of 512 words": (count) => {
      for (let turn = 0; turn < count; turn++) others.set(words, 0);
    },
    "shortest function that writes a record of 100 characters into a ring": (count) => {
      for (let turn = 0; turn < count; turn++) least.received(1, characters);
    },
    "a view of the ring": (count) => {
      for (let turn = 0; turn < count; turn++) new Int32Array(words.buffer, 16, 256);
    },
    "`try`, nothing thrown": (count) => {
      for (let turn = 0; turn < count; turn++) {
        try {
          at;
        } catch {
          end = 0;
        }
      }
    },
  };
}

const SMALL = 200;
const LARGE = 600;

function costOf(loop: Loop): { instructions: number; allocatedBytes: number } {
  const count = instructions;
  loop(SMALL);
  gc();
  const slots = heap.slots();
  const chunkBytes = heap.chunkBytes();
  const a = count();
  loop(SMALL);
  const b = count();
  loop(LARGE);
  const c = count();
  const bytes = (heap.slots() - slots) * heap.slotBytes + heap.chunkBytes() - chunkBytes;
  return {
    instructions: (c - b - (b - a)) / (LARGE - SMALL),
    allocatedBytes: Math.floor(bytes / (SMALL + LARGE)),
  };
}

const empty = costOf((count) => {
  for (let turn = 0; turn < count; turn++);
});
for (const [what, loop] of Object.entries(operations())) {
  const { instructions, allocatedBytes } = costOf(loop);
  print(JSON.stringify({ what, instructions: Math.round(instructions - empty.instructions), allocatedBytes }));
}
