import { layOutDraft } from "../registry/draft-layout.ts";
import { loadRegistry } from "../registry/load.ts";
import { nameOf } from "../text/io-error.ts";
import { visible } from "../text/lines.ts";
import { counted } from "../validate/report.ts";
import type { Context } from "./context.ts";
import { readSource, writeResult } from "./registry-files.ts";

export async function runLayout(file: string, mayWrite: boolean, context: Context): Promise<void> {
  const text = await readSource(file);
  const { text: laidOut, placed } = layOutDraft(text, nameOf(file));
  // Any other mistake in it is reported before anything is written.
  loadRegistry(laidOut, nameOf(file));
  if (file === "-") context.output.writeLines(laidOut);
  else if (mayWrite && placed.length > 0) writeResult(laidOut, file, true, context);
  if (placed.length === 0) context.say(`${nameOf(file)}: every field already has its place`);
  else if (file !== "-")
    context.output.write(
      placed
        .map(
          ({ key, type, offsetBits, widthBits }) =>
            `${visible(key)}: ${type}, ${counted(widthBits, "bit")} at ${offsetBits}\n`,
        )
        .join(""),
    );
}
