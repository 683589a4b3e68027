/**
 * The host library, `xs-telemetry/host`: everything that the command line does, as functions. Nothing here writes to
 * the terminal or ends the process. Problems in data are returned as values; errors that end the work are thrown as
 * TelemetryError.
 */
export { BenchRun, type BenchState, type ComparedRow, compareRows, type InstructionSet } from "./board/bench-device.ts";
export { type BenchLine, type BenchRow, readBenchFile, readBenchLine } from "./board/bench-rows.ts";
export type { CaptureCounters } from "./capture/capture-counters.ts";
export { CaptureWriter, type CaptureWriterOptions } from "./capture/capture-writer.ts";
export { Collector, type CollectorCounters, type CollectorOptions } from "./capture/collector.ts";
export { type CtfMetadataOptions, ctfMetadata } from "./capture/ctf-metadata.ts";
export { type BootFolder, type DeviceCapture, deviceFolderName, listBoots, listCaptures } from "./capture/folder.ts";
export { decode, StreamDecoder } from "./decode/decode.ts";
export { extractFrames } from "./decode/extract-frames.ts";
export { LiveDecoder, type LiveDecoderOptions, type LiveEvents, type LiveTotals } from "./decode/live-decoder.ts";
export type { DecodeItem, DecodeOptions, DecodeSummary, Gap, PacketPlace, PacketSink } from "./decode/types.ts";
export { type Origin, referenceDocument, schemaDocument } from "./generate/documents.ts";
export { generatedFiles, type Wanted } from "./generate/own-registry.ts";
export { eventTypesSource } from "./generate/typescript.ts";
export { writersSource } from "./generate/writers.ts";
export type * from "./generated/events.ts";
export type * as v2 from "./generated/events-2.0.0.ts";
export { emittedRegistry, registries, registry } from "./generated/registry.ts";
export { type NodeFileFlashOptions, openFileFlash } from "./io/file-flash.ts";
export { type MigrateItem, type MigrateOptions, migrate } from "./migrate/migrate.ts";
export { type BootRecord, bootText } from "./packet/boot-record.ts";
export type { BootPlace } from "./packet/line-context.ts";
export type { DecodedEvent, EventContext } from "./packet/records.ts";
export { type Collected, collect, drain, type PacketReaders } from "./read/collect.ts";
export { type ReadEvent, type ReadItem, type ReadOptions, type ReadPlace, readEvents } from "./read/events.ts";
export type { Spread } from "./read/histogram.ts";
export { decodePath, openRecording, type Recording, recordingOf } from "./read/recording.ts";
export type { BootRow, Losses, Statistics, TypeRow } from "./read/statistics.ts";
export { type Deframed, Deframer } from "./receive/deframer.ts";
export { type FlashImage, readFlashImage } from "./receive/flash-image.ts";
export type { Link, LinkEvents } from "./receive/links/link.ts";
export { type MqttLinkOptions, openMqttLink } from "./receive/links/mqtt.ts";
export { openSerialLink, type SerialLinkOptions } from "./receive/links/serial.ts";
export { openStreamLink } from "./receive/links/stream.ts";
export { openUdpLink, type UdpLinkOptions } from "./receive/links/udp.ts";
export {
  type ArrivedPacket,
  PacketOrder,
  type PacketOrderCounters,
  type PacketOrderOptions,
} from "./receive/packet-order.ts";
export { type Anchor, parseAnchors, WallClock, type WallTime } from "./receive/wall-clock.ts";
export type { Change, ChangeKind } from "./registry/changes.ts";
export { CONTEXT_PARTS, type ContextChoice, type ContextPart } from "./registry/context.ts";
export { type Bump, diffRegistries, leastBump } from "./registry/diff.ts";
export { byVersion, checkEvolution, type ReadFile } from "./registry/evolution.ts";
export { readRegistryText } from "./registry/file.ts";
export { loadRegistry, type RegistryRead, readRegistry } from "./registry/load.ts";
export { formatMistake, MISTAKE_CODES, type Mistake, type MistakeCode, type Place } from "./registry/mistakes.ts";
export type * from "./registry/model.ts";
export type { BootCounters, LinkCounters } from "./simulate/device.ts";
export {
  type EventCounters,
  type SimulatedDevice,
  type SimulateOptions,
  type Simulation,
  simulate,
} from "./simulate/simulate.ts";
export { type Problem, TelemetryError } from "./text/errors.ts";
export { type Extracted, extract } from "./text/extract.ts";
export {
  type FaultyLine,
  type Line,
  type LineOptions,
  type LineSink,
  LineSplitter,
  MAX_LINE_BYTES,
  readLines,
  type TextLine,
} from "./text/lines.ts";
export {
  createReporter,
  type FileResult,
  REPORT_FORMATS,
  type Reporter,
  type ReportFormat,
  type ReportOptions,
} from "./validate/report.ts";
export {
  type BootLosses,
  CHECKS,
  type Check,
  type EventPlace,
  ISSUE_CODES,
  type Issue,
  type IssueCode,
  type Severity,
  type ValidateOptions,
  Validator,
} from "./validate/validate.ts";
export { type PageOptions, type PageWritten, writePage } from "./view/write-page.ts";
