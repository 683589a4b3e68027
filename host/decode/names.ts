/** Finds the names of tokens whose token packets are lost. */
import { join } from "node:path";
import { type BootFolder, METADATA_FILE, TOKENS_FILE } from "../capture/folder.ts";
import { MOST_METADATA_BYTES, metadataNames } from "../capture/metadata-names.ts";
import { NotRegular, readSmall } from "../capture/regular-file.ts";
import type { Problem } from "../text/errors.ts";
import type { Session } from "./session.ts";

/**
 * Learns from the metadata of a trace folder the names that the session does not have. Returns how many names there
 * are, and a problem to report. Metadata that are missing, or from another program, have no names: each use of a
 * nameless token is reported where it occurs.
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
    const message = `${(error as Error).message}; expected names in it`;
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
    `${TOKENS_FILE} is missing or damaged: ${learned === 1 ? "a name is" : `${learned} names are`} taken from ${METADATA_FILE}, ` +
    "which lacks the names of the last second if the capture was killed";
  return { names, problem: { code: "W_NO_TOKENS", message, file: path } };
}
