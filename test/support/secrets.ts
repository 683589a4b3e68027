// Secrets that must not leave the device, passed through every policy, and searched for.
import { type Payload, Reason, Telemetry, type TelemetryOptions } from "xs-telemetry";
import { type IpPolicy, type PayloadPolicy, privacy } from "xs-telemetry/privacy";

/** This many consecutive characters of a secret are too many. */
const WINDOW = 6;
/** From one character's byte to the next: in UTF-8, in UTF-16 of either order. */
const WIDTHS = [1, 2] as const;
/**
 * In any window's bytes at least one character is checked: six in a row contain a multiple of five, and of twelve bytes every other one is a
 * character; two neighbouring multiples are one even and one odd.
 */
const STRIDE = 5;

/** Whether the bytes hold part of the secret, ASCII, in UTF-8 or UTF-16 of either order. */
export function holds(bytes: Uint8Array, secret: string): boolean {
  const characters = new Uint8Array(secret.length).map((_, index) => secret.charCodeAt(index));
  const isCharacter = new Uint8Array(256);
  for (const character of characters) isCharacter[character] = 1;
  for (let at = 0; at < bytes.length; at += STRIDE)
    if (isCharacter[bytes[at]!] === 1 && isPartAt(bytes, at, characters)) return true;
  return false;
}

/** Whether the byte there belongs to a whole window of the secret. */
function isPartAt(bytes: Uint8Array, at: number, characters: Uint8Array): boolean {
  for (let index = 0; index < characters.length; index++) {
    if (characters[index] !== bytes[at]) continue;
    for (const width of WIDTHS) {
      const isSame = (from: number) => characters[from] === bytes[at + (from - index) * width];
      let first = index;
      while (first > 0 && isSame(first - 1)) first--;
      let last = index;
      while (last < characters.length - 1 && isSame(last + 1)) last++;
      if (last - first + 1 >= WINDOW) return true;
    }
  }
  return false;
}

export const SECRET = "hunter2-Pa55w0rd";
const FOUR = "203.0.113.77";
const SIX = "2001:db8:1:dead:beef:cafe:1234:5678";

/** The secrets: payloads of each kind, some of which must be made valid or cut, and addresses. */
function payloads(): Payload[] {
  const text = `{"type":"login","password":"${SECRET}"}`;
  const bytes = new Uint8Array(text.length).map((_, index) => text.charCodeAt(index));
  return [SECRET, text, `é\0${SECRET}\ud800`, `${SECRET.repeat(6)}é`, SECRET.repeat(5000), bytes, bytes.buffer];
}

/** Passes the secret in every possible way. */
export function tell(telemetry: Telemetry): void {
  for (const ip of [FOUR, `::ffff:${FOUR}`, SIX, `${SIX}%eth0`]) {
    const connection = telemetry.connect(1, ip);
    for (const payload of payloads()) {
      connection.received(0, payload);
      connection.rejected(Reason.authFailed, 0, payload);
      connection.sent(0, payload);
    }
    connection.disconnected();
  }
}

/** Whether the bytes contain any of the secrets. */
export function holdsAny(bytes: Uint8Array): boolean {
  return holds(bytes, SECRET) || holds(bytes, FOUR.slice(6)) || holds(bytes, SIX.slice(11));
}

/** Every policy but "keep", by what it does. The address is kept out by one or the other. `emitter`: the one that has the policy. */
export function policies(emitter: () => Telemetry): Record<string, Partial<TelemetryOptions>> {
  const every = (policy: PayloadPolicy, ip: IpPolicy) => ({
    privacy: privacy({ payloads: { "msg.recv": policy, "msg.send": policy }, ip }),
  });
  return {
    omit: every("omit", "omit"),
    length: every("length", "truncate"),
    "a redactor that leaves it out": every(() => undefined, "omit"),
    "a redactor that replaces it": every((_, event) => `${event}: ***`, "truncate"),
    "a redactor that throws": every((payload) => {
      throw new Error(`cannot redact ${String(payload)}`);
    }, "omit"),
    "a redactor that promises": every((payload) => Promise.resolve(payload) as never, "truncate"),
    "a redactor that returns an object": every((payload) => ({ payload }) as never, "truncate"),
    "a redactor that emits it itself": every((payload) => {
      emitter().connect(2, FOUR).sent(0, payload);
      return undefined;
    }, "truncate"),
  };
}

/** Makes an emitter, and returns with it the memory that it made for itself: all of it is made in the constructor. */
export function withMemory(options: TelemetryOptions): { telemetry: Telemetry; memory: () => Uint8Array[] } {
  const buffers: ArrayBufferLike[] = [];
  const scope = globalThis as Record<string, unknown>;
  const names = ["ArrayBuffer", "Uint8Array", "Int32Array", "Uint32Array", "Float64Array"];
  const constructors = names.map((name) => scope[name] as new (...args: never[]) => object);
  names.forEach((name, index) => {
    const watched: object = new Proxy(constructors[index]!, {
      construct(target, args, newTarget) {
        const made = Reflect.construct(target, args, newTarget === watched ? target : newTarget);
        const buffer = ArrayBuffer.isView(made) ? made.buffer : (made as ArrayBuffer);
        if (!buffers.includes(buffer)) buffers.push(buffer);
        return made;
      },
    });
    scope[name] = watched;
  });
  try {
    const telemetry = new Telemetry(options);
    return { telemetry, memory: () => buffers.map((buffer) => new Uint8Array(buffer)) };
  } finally {
    names.forEach((name, index) => {
      scope[name] = constructors[index];
    });
  }
}
