// Moddable's modules and the hosts' globals, as far as benchmarks use them.
declare module "time" {
  const Time: { readonly ticks: number };
  export default Time;
}
declare module "text/encoder" {
  export default class TextEncoder {
    encodeInto(text: string, into: Uint8Array): { read: number; written: number };
    encode(text: string): Uint8Array;
  }
}
