// Assertions for specs that run in Node and inside XS alike.

export class AssertionFailed extends Error {}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`;
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  return Object.is(value, -0) ? "-0" : String(value);
}

export function ok(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}

export function equal(actual: unknown, expected: unknown, what = "value"): void {
  if (!Object.is(actual, expected))
    throw new AssertionFailed(`${what} is ${shown(actual)}, should be ${shown(expected)}`);
}

export function deepEqual(actual: unknown, expected: unknown, what = "value"): void {
  if (Object.is(actual, expected)) return;
  if (typeof actual !== "object" || typeof expected !== "object" || actual === null || expected === null)
    equal(actual, expected, what);
  const left = actual as Record<string, unknown>;
  const right = expected as Record<string, unknown>;
  equal(Object.keys(left).join(), Object.keys(right).join(), `keys of ${what}`);
  for (const key of Object.keys(right)) deepEqual(left[key], right[key], `${what}.${key}`);
}

/** Runs `action`, which must throw an error with this name and a message that contains all `parts`. */
export function throws(action: () => unknown, name: string, ...parts: string[]): void {
  let thrown: unknown;
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  ok(thrown instanceof Error, `should throw ${name}, threw ${thrown === undefined ? "nothing" : shown(thrown)}`);
  equal(thrown.name, name, "error");
  for (const part of parts)
    ok(thrown.message.includes(part), `message ${shown(thrown.message)} should say ${shown(part)}`);
}

/** Whatever it throws. */
export function throwsSomething(call: () => unknown, what: string): void {
  let thrown = false;
  try {
    call();
  } catch {
    thrown = true;
  }
  ok(thrown, `${what} throws`);
}

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += (byte < 16 ? "0" : "") + byte.toString(16);
  return hex;
}

export function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16);
  return bytes;
}

/** A seeded generator of 32-bit numbers (mulberry32), the same in every engine. */
export function random(seed: number): { below(limit: number): number; pick<T>(list: readonly T[]): T } {
  let state = seed | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number) => next() % limit;
  return { below, pick: (list) => list[below(list.length)]! };
}
