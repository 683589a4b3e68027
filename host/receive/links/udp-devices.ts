/** Decides which device sent a datagram: by its sender's address, which survives a reboot, as ports do not. */
import { AT_BOOT_ID, AT_MAGIC, PACKET_HEADER_BYTES, PACKET_MAGIC } from "../../../src/ring/packet-layout.ts";
import { plainAddress } from "../../text/address.ts";
import type { Problem } from "../../text/errors.ts";

/** No board is back from a reboot sooner: a sender this soon after another boot of the address is another device. */
const REBOOT_MS = 1000;
/** For each address, those heard last. */
const MOST_BOOTS = 64;
/** Those heard last. */
const MOST_ADDRESSES = 100_000;
const LOOPBACK = /^(?:127\.|::1$)/;

interface Sender {
  /** Name of the device by boot, the boot that began last at the end. */
  readonly boots: Map<bigint, { readonly name: string; readonly port: number }>;
  newest: bigint;
  newestSinceMs: number;
  /** When anything last came. */
  lastMs: number;
  /** It has several devices at the same time. */
  isShared: boolean;
}

/**
 * Names devices. A board is named by its address, also after a reboot, whatever its port. If boots of one address send
 * at the same time, there are several devices: each that starts from then on has its port in its name. The same applies
 * to all with `byPort`, and on loopback, where programs send instead of boards. A boot keeps its first name. Holds the
 * last 100,000 addresses.
 */
export class UdpDevices {
  readonly #byPort: boolean;
  readonly #onProblem: (problem: Problem, device: string) => void;
  /** Least recently heard first. */
  readonly #senders = new Map<string, Sender>();

  /** `onProblem` is called once for an address with several devices: W_SHARED_ADDRESS. */
  constructor(byPort: boolean, onProblem: (problem: Problem, device: string) => void) {
    this.#byPort = byPort;
    this.#onProblem = onProblem;
  }

  /** The device of a datagram that came at `nowMs`, by a clock that is never set. */
  nameOf(from: { readonly address: string; readonly port: number }, packet: Uint8Array, nowMs: number): string {
    const address = plainAddress(from.address);
    const name = named(address);
    const withPort = `${name}_${from.port}`;
    if (this.#byPort || LOOPBACK.test(address)) return withPort;
    const bootId = bootIdOf(packet);
    if (bootId === undefined) return name;
    const sender = this.#sender(address, bootId, nowMs);
    const known = sender.boots.get(bootId);
    if (known !== undefined) {
      // A datagram that overtook a reboot is not a second device.
      if (bootId !== sender.newest && nowMs - sender.newestSinceMs >= REBOOT_MS) this.#share(sender, name);
    } else {
      if (sender.boots.size > 0 && nowMs - sender.lastMs < REBOOT_MS) this.#share(sender, name);
      const isFirst = sender.boots.size === 0;
      sender.boots.set(bootId, { name: isFirst || !sender.isShared ? name : withPort, port: from.port });
      if (sender.boots.size > MOST_BOOTS) sender.boots.delete(sender.boots.keys().next().value!);
      sender.newest = bootId;
      sender.newestSinceMs = nowMs;
    }
    sender.lastMs = nowMs;
    return sender.boots.get(bootId)!.name;
  }

  #sender(address: string, bootId: bigint, nowMs: number): Sender {
    const known = this.#senders.get(address);
    const sender = known ?? {
      boots: new Map(),
      newest: bootId,
      newestSinceMs: nowMs,
      lastMs: nowMs,
      isShared: false,
    };
    this.#senders.delete(address);
    this.#senders.set(address, sender);
    if (this.#senders.size > MOST_ADDRESSES) this.#senders.delete(this.#senders.keys().next().value!);
    return sender;
  }

  #share(sender: Sender, name: string): void {
    if (sender.isShared) return;
    sender.isShared = true;
    const message =
      "several devices send from this address: those that start from now on have their port in their name; --by-port does so for all of them";
    this.#onProblem({ code: "W_SHARED_ADDRESS", message }, name);
  }
}

/** Names of folders cannot contain colons everywhere, and a - at the beginning looks like an option. */
function named(address: string): string {
  return address.replace(/^:/, "0:").replaceAll(":", "-");
}

/** Undefined if it is not a packet. */
function bootIdOf(packet: Uint8Array): bigint | undefined {
  if (packet.length < PACKET_HEADER_BYTES) return undefined;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  return view.getInt32(AT_MAGIC, true) === PACKET_MAGIC ? view.getBigUint64(AT_BOOT_ID, true) : undefined;
}
