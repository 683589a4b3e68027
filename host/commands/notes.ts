/** What tail and show print between events. */
import type { Gap } from "../decode/types.ts";
import { type BootRecord, bootText } from "../packet/boot-record.ts";
import { deviceText } from "./io.ts";
import { countedText } from "./numbers.ts";

/** `pump-7 rebooted: boot 2`. */
export function bootNote(device: string | undefined, boot: number): string {
  return `${device === undefined ? "the device" : deviceText(device)} rebooted: boot ${boot}`;
}

/** `pump-7 booted after: panic; ring of earlier boots: kept 12 events`. */
export function resetNote(record: BootRecord, device: string | undefined): string {
  return `${device === undefined ? "the device" : deviceText(device)} booted after: ${bootText(record)}`;
}

/** `37 events lost on the device`, for each cause. */
export function gapNotes({ lostOnDevice, lostInTransit, beforeFirstPacket }: Gap, device?: string): string[] {
  const whose = device === undefined ? "" : `${deviceText(device)}: `;
  const notes: [count: number, said: string][] = [
    [beforeFirstPacket, "sent before the first packet of this recording"],
    [lostOnDevice, "lost on the device"],
    [lostInTransit, "lost on the way"],
  ];
  return notes.flatMap(([count, said]) => (count > 0 ? [`${whose}${countedText(count, "event")} ${said}`] : []));
}
