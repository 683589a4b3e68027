/** reset.js: only XS can read it. */
declare module "reset" {
  export function reset(): void;
  export function flip(bit: number): void;
  export function forget(): void;
}
