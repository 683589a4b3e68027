// Inside XS: plays the script in the file named by the first argument and prints each packet in hex.
import { play, type Script } from "../../test/support/script.ts";

declare const args: string[];
declare const readFile: (path: string) => ArrayBuffer;
declare const print: (line: string) => void;

function textOf(buffer: ArrayBuffer): string {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return text;
}

// The file is ASCII: everything else is in it as \u escapes.
const script: Script = JSON.parse(textOf(readFile(args[0]!)));
for (const packet of play(script)) print(packet);
