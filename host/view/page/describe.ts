/** An event in words. */
import { visible } from "../../text/visible.ts";
import type { Model } from "./model.ts";
import { clockText, dayText, sinceBootText } from "./text.ts";

/** Its attributes, without those that say where it comes from. */
export function said(model: Model, event: number): string {
  const { store } = model;
  const { page, values } = store.kinds[store.kind[event]!]!;
  const parts: string[] = [];
  for (const each of values) {
    const { key } = each.page;
    if (key === page.owner || key === page.number) continue;
    const value = store.valueAt(each, store.row[event]!);
    if (value === undefined || (value === "" && key !== page.messageType)) continue;
    const text = value === "" ? '""' : visible(String(value));
    parts.push(key === page.messageType || key === page.result || key === page.reason ? text : `${key} ${text}`);
  }
  return parts.join("  ");
}

export function deviceText(model: Model, boot: number): string {
  const { device } = model.store.meta.boots[boot]!;
  return device === null ? "" : visible(device);
}

export function timesOf(
  model: Model,
  event: number,
): { readonly day: string; readonly clock: string; readonly boot: string } {
  const { store } = model;
  const ms = store.ms[event]!;
  const wall = model.wall(store.boot[event]!, ms);
  return {
    day: wall === undefined ? "" : dayText(wall.unixMs),
    clock: wall === undefined ? "" : clockText(wall.unixMs),
    boot: sinceBootText(ms),
  };
}

/** `7/0`: client and connection. */
export function whoText(model: Model, event: number): string {
  const { clientOf, connectionOf, clients, connections } = model;
  const { owner } = clients[clientOf[event]!]!;
  const connection = connectionOf[event]!;
  return `${owner === undefined ? "" : visible(String(owner))}${connection < 0 ? "" : `/${visible(String(connections[connection]!.number))}`}`;
}
