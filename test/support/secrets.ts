// What must not leave the device, told through every policy, and where it is looked for.
import { type Payload, Reason, Telemetry, type TelemetryOptions } from "xs-telemetry";
import { type IpPolicy, type PayloadPolicy, privacy } from "xs-telemetry/privacy";

/** Any so many characters of a secret in a row are too many. */
const WINDOW = 6;

/** Whether the bytes hold part of the secret, ASCII, in UTF-8 or UTF-16 of either order. */
export function holds(bytes: Uint8Array, secret: string): boolean {
  for (let from = 0; from + WINDOW <= secret.length; from++)
    for (const [width, shift] of [
      [1, 0],
      [2, 0],
      [2, 1],
    ] as const) {
      const needle = new Uint8Array(WINDOW * width);
      for (let index = 0; index < WINDOW; index++) needle[index * width + shift] = secret.charCodeAt(from + index);
      if (has(bytes, needle)) return true;
    }
  return false;
}

function has(bytes: Uint8Array, needle: Uint8Array): boolean {
  for (let at = bytes.indexOf(needle[0]!); at >= 0; at = bytes.indexOf(needle[0]!, at + 1)) {
    let same = 1;
    while (same < needle.length && bytes[at + same] === needle[same]) same++;
    if (same === needle.length) return true;
  }
  return false;
}

export const SECRET = "hunter2-Pa55w0rd";
const FOUR = "203.0.113.77";
const SIX = "2001:db8:1:dead:beef:cafe:1234:5678";

/** What is told: payloads of each kind, some of which must be made valid or cut, and addresses. */
function payloads(): Payload[] {
  const text = `{"type":"login","password":"${SECRET}"}`;
  const bytes = new Uint8Array(text.length).map((_, index) => text.charCodeAt(index));
  return [SECRET, text, `é\0${SECRET}\ud800`, `${SECRET.repeat(6)}é`, SECRET.repeat(5000), bytes, bytes.buffer];
}

/** Says the secret in every way there is. */
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

/** Whether the bytes hold anything that was told. */
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
