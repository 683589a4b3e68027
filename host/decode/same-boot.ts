/** Folders whose boots have the same id: parts of one boot, captures of one boot, or different boots with one id. */

import { join } from "node:path";
import { crc32 } from "node:zlib";
import { PACKET_HEADER_BYTES, STREAM_DATA, STREAM_TOKENS } from "../../src/ring/packet-layout.ts";
import { type BootFolder, STREAM_FILE, TOKENS_FILE } from "../capture/folder.ts";
import { bootIdDigits, type PacketHeader } from "../packet/packet.ts";
import type { Problem } from "../text/errors.ts";
import { canBeRead, PacketSource, type Trace, type TraceFile } from "./merge.ts";
import type { Session } from "./session.ts";

/** Folders of one boot that follow each other in one capture. */
type Run = readonly BootFolder[];

/** One boot as known so far: `of` says which chain a run belongs to. */
interface Boot {
  readonly chains: { readonly of: Run; folders: Run; last: number }[];
}

/**
 * Returns the boots that the folders of a trace belong to: nearly always one. A folder that began with a rotation names
 * the packet before it. Other folders are compared, packet by packet with the same number: those of one boot are equal,
 * except for damage, after which they are equal again. If no numbers are shared, counts and times must rise with the
 * numbers. Costs the first packet of each folder, and reading all folders that are compared.
 */
export async function bootsOf(session: Session, trace: Trace, root: string): Promise<Trace[]> {
  if (trace.chains.flat().length < 2) return [trace];
  const folders = new Folders(session, root);
  const boots: Boot[] = [];
  for (const chain of trace.chains)
    for (const run of await folders.runsOf(chain)) {
      const { first, last } = await folders.reach(run);
      let boot: Boot | undefined;
      for (const candidate of [...boots].reverse())
        if (boot === undefined && (await folders.areOneBoot(candidate, run))) boot = candidate;
      if (boot === undefined) {
        boots.push({ chains: [{ of: chain, folders: run, last }] });
        continue;
      }
      const before = boot.chains.find(({ of, last }) => of === chain && last < first);
      if (before === undefined) boot.chains.push({ of: chain, folders: run, last });
      else Object.assign(before, { folders: [...before.folders, ...run], last: Math.max(before.last, last) });
    }
  return boots.map(({ chains }, bootsBefore) => ({
    device: trace.device,
    chains: chains.map(({ folders }) => folders),
    bootsBefore,
  }));
}

/** The problem to report where another boot begins. */
export function furtherBoot({ device, chains, bootsBefore }: Trace): Problem {
  const { path, bootId } = chains[0]![0]!;
  const message =
    `its packets differ from those with the same numbers in other folders of boot ${bootIdDigits(bootId!)}: this is boot number ${bootsBefore + 1} ` +
    "with this id. Give the device a boot id that changes at each start";
  return { code: "W_BOOT_ID", message, file: path, bootId: bootId!, ...(device !== undefined && { device }) };
}

class Folders {
  readonly #session: Session;
  readonly #root: string;

  constructor(session: Session, root: string) {
    this.#session = session;
    this.#root = root;
  }

  /** The runs of a chain: a folder that continues where another one ends belongs to it. */
  async runsOf(chain: Run): Promise<BootFolder[][]> {
    const runs: BootFolder[][] = [];
    for (const folder of chain) {
      const before = await this.#beforeOf(folder);
      let run = before === undefined ? undefined : runs.at(-1);
      // Packets of an older boot may come after the beginning of the next.
      if (run !== undefined && runs.length > 1)
        for (const candidate of runs) if ((await this.reach(candidate)).last === before) run = candidate;
      if (run === undefined) runs.push([folder]);
      else run.push(folder);
    }
    return runs;
  }

  /** Numbers of the first and the last data packet; 1 and 0 if there is none. */
  async reach(run: Run): Promise<{ first: number; last: number }> {
    let first: number | undefined;
    let last = 0;
    await this.#each(run, STREAM_DATA, ({ packetNumber }) => {
      first ??= packetNumber;
      last = packetNumber;
    });
    return { first: first ?? 1, last };
  }

  async areOneBoot({ chains }: Boot, run: Run): Promise<boolean> {
    for (const { folders } of chains) {
      const { isLastAlike, misfits } = await this.#compareData(folders, run);
      if (isLastAlike === true) continue;
      if (isLastAlike === false || misfits > 0 || (await this.#differInTokens(folders, run))) return false;
    }
    return true;
  }

  /** The number of the packet before a folder, if the folder begins with the empty packet that states it. */
  async #beforeOf(folder: BootFolder): Promise<number | undefined> {
    const source = await this.#source([folder], STREAM_DATA);
    try {
      await source.advance();
      const { header } = source;
      const isEmpty = header?.contentBytes === PACKET_HEADER_BYTES && header.packetNumber > 0;
      return isEmpty ? header.packetNumber : undefined;
    } finally {
      await source.close();
    }
  }

  async #compareData(a: Run, b: Run): Promise<{ isLastAlike: boolean | undefined; misfits: number }> {
    let isLastAlike: boolean | undefined;
    let misfits = 0;
    const sources = [await this.#source(a, STREAM_DATA), await this.#source(b, STREAM_DATA)] as const;
    const [x, y] = sources;
    let before: { source: PacketSource; header: PacketHeader } | undefined;
    try {
      for (const source of sources) await toPacket(source);
      while (!x.isDone || !y.isDone) {
        if (!x.isDone && !y.isDone && x.number === y.number) {
          isLastAlike = x.packet.equals(y.packet);
          before = undefined;
          for (const source of sources) await toPacket(source);
          continue;
        }
        const source = y.isDone || (!x.isDone && x.number < y.number) ? x : y;
        const header = source.header!;
        if (before !== undefined && before.source !== source) {
          const isBehind =
            header.firstEventSeq >= before.header.firstEventSeq && header.timestampBegin >= before.header.timestampEnd;
          if (!isBehind) misfits++;
        }
        before = { source, header };
        await toPacket(source);
      }
    } finally {
      for (const source of sources) await source.close();
    }
    return { isLastAlike, misfits };
  }

  async #differInTokens(a: Run, b: Run): Promise<boolean> {
    let isLastAlike = true;
    const digests = new Map<number, number>();
    await this.#each(a, STREAM_TOKENS, ({ packetNumber }, packet) => {
      if (digests.size < MOST_TOKEN_PACKETS) digests.set(packetNumber, crc32(packet));
    });
    await this.#each(b, STREAM_TOKENS, ({ packetNumber }, packet) => {
      const digest = digests.get(packetNumber);
      if (digest !== undefined) isLastAlike = digest === crc32(packet);
    });
    return !isLastAlike;
  }

  async #each(run: Run, streamId: number, take: (header: PacketHeader, packet: Buffer) => void): Promise<void> {
    const source = await this.#source(run, streamId);
    try {
      for (await toPacket(source); !source.isDone; await toPacket(source)) take(source.header!, source.packet);
    } finally {
      await source.close();
    }
  }

  /** Unreadable files are reported when they are decoded. */
  async #source(run: Run, streamId: number): Promise<PacketSource> {
    const name = streamId === STREAM_DATA ? STREAM_FILE : TOKENS_FILE;
    const files: TraceFile[] = [];
    for (const boot of run) {
      const file = join(boot.path, name);
      if ((await canBeRead(file, this.#root)) !== true) continue;
      const endBytes = Number.POSITIVE_INFINITY;
      files.push({ file, boot, streamId, repeatsTokens: true, bootsBefore: 0, root: this.#root, endBytes });
    }
    return new PacketSource(this.#session, files, false);
  }
}

const MOST_TOKEN_PACKETS = 1 << 16;

/** Moves to the next whole packet with content. */
async function toPacket(source: PacketSource): Promise<void> {
  do await source.advance();
  while (!source.isDone && (source.header?.contentBytes ?? PACKET_HEADER_BYTES) === PACKET_HEADER_BYTES);
}
