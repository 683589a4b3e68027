export { type File, type FileFlashOptions, fileFlash } from "./file.ts";
export type { Flash, FlashStatus } from "./flash.ts";
export { FlashStore, type FlashStoreCounters, type FlashStoreOptions, flashSink } from "./store.ts";
