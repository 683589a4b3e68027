/** Names of tokens of which the token packets are lost. */
import { join } from "node:path";
import { type BootFolder, METADATA_FILE, TOKENS_FILE } from "../capture/folder.ts";
import { MOST_METADATA_BYTES, metadataNames } from "../capture/metadata-names.ts";
import { NotRegular, readSmall } from "../capture/regular-file.ts";
import type { Problem } from "../text/errors.ts";
import type { Session } from "./session.ts";

/**
 * Learns from the metadata of a trace folder what the session has no name for. Returns how many names there are, and what to say. Metadata that are not there, or not ours, have no names: what is used without one is told where it is used.
 */
export function learnFromMetadata(
  session: Session,
  { path, bootId, reader }: BootFolder,
  bootsBefore: number,
  root: string,
): { names: number; problem: Problem | undefined } {
  const file = join(path, METADATA_FILE);
  let bytes: Buffer | undefined;
  try {
    bytes = readSmall(file, root, MOST_METADATA_BYTES);
  } catch (error) {
    if (!(error instanceof NotRegular) && (error as NodeJS.ErrnoException).syscall === undefined) throw error;
    const message = `${(error as Error).message}; names are expected in it`;
    return { names: 0, problem: { code: "W_NO_TOKENS", message, file } };
  }
  const found = bytes && metadataNames(bytes.toString("latin1"));
  const nothing = { names: 0, problem: undefined };
  if (found === undefined) return nothing;
  if (bootId !== undefined && (found.bootId !== bootId || found.reader !== reader)) return nothing;
  const state = session.reader(found.bootId, bootsBefore, found.reader);
  let learned = 0;
  for (const [token, name] of found.names)
    if (state.names.get(token) === undefined && session.learn(state, token, name)) learned++;
  const names = found.names.size;
  if (learned === 0) return { names, problem: undefined };
  const message =
    `${TOKENS_FILE} is not there, or damaged: ${learned === 1 ? "a name is" : `${learned} names are`} taken from ${METADATA_FILE}, ` +
    "which lacks those of a capture's last second if it was killed";
  return { names, problem: { code: "W_NO_TOKENS", message, file: path } };
}
