// What the examples use of Moddable's SDK 8.2 and @moddable/typings 5.6 does not have, or has otherwise.

/** Adds Time.microseconds. */
declare module "microseconds" {}

/** examples/firmware/sinks/*.ts; which of them, manifest.json says. */
declare module "sink" {
  export function openSink(): import("xs-telemetry/drainer").OpenSink;
}
