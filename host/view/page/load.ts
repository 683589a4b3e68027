/** Reads the page's inert scripts. */
import type { PageMeta } from "../format.ts";
import { readStore, type Store } from "./store.ts";

function base64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (native !== undefined) return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** The bytes of an element, which is removed: nobody needs it twice. */
function inflated(id: string): ReadableStream<Uint8Array> {
  const element = document.getElementById(id)!;
  const bytes = base64(element.textContent ?? "");
  element.remove();
  return new Response(bytes).body!.pipeThrough(new DecompressionStream("gzip"));
}

/** Reads the content of the page. `onProgress`: how much of it, 0 to 1. */
export async function loadStore(onProgress: (part: number) => void): Promise<Store> {
  const meta = JSON.parse(await new Response(inflated("meta")).text()) as PageMeta;
  return readStore(meta, inflated("data"), onProgress);
}
