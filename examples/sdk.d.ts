// What the examples use of Moddable's SDK 8.2 and @moddable/typings 5.6 lacks or declares differently.

/** Adds Time.microseconds. */
declare module "microseconds" {}

/** examples/firmware/sinks/*.ts; manifest.json says which of them. */
declare module "sink" {
  export function openSink(): import("xs-telemetry/drainer").OpenSink;
}

/** What npm run build writes for the specs. */
declare module "selftest/specs" {
  const names: readonly string[];
  export default names;
}

/** docs/adapters.md */
declare module "embedded:network/websocket/client" {
  export default class WebSocketClient {
    constructor(options: { attach: object; onReadable?: (this: WebSocketClient, count: number) => void });
    read(byteLength: number): ArrayBuffer;
    write(data: ArrayBuffer): number;
    close(): void;
  }
}
declare module "embedded:network/http/server/options/websocket" {
  const route: object;
  export default route;
}

/** examples/restarts */
declare module "embedded:storage/flash" {
  const storage: {
    /** Opens a partition by its name, for reading and writing. Throws if there is none. */
    open(options: { path: string }): import("xs-telemetry/flash").Flash;
  };
  export default storage;
}
