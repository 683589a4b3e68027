/** What is to the left of the lanes: devices, their boots, their clients, their connections; numbers as series. */
import { visible } from "../../text/visible.ts";
import type { PageBoot } from "../format.ts";
import type { Model } from "./model.ts";
import { Series } from "./series.ts";
import { countedText, numberText } from "./text.ts";

export interface Row {
  readonly kind: "device" | "boot" | "client" | "connection" | "series";
  readonly depth: number;
  readonly label: string;
  /** Its index within its kind: boot, client or connection; for a device and a series, its place in a list. */
  readonly index: number;
  /** Undefined: nothing is beneath it. */
  readonly isOpen: boolean | undefined;
  readonly key: string;
  readonly height: number;
  readonly series?: Series;
  top: number;
}

export interface Device {
  readonly name: string | null;
  readonly boots: readonly number[];
}

const HEIGHTS = { device: 22, boot: 22, client: 18, connection: 16, series: 44 } as const;
/** The number of lanes that are open at first. */
const MOST_OPEN_CLIENTS = 300;

export class Rows {
  readonly devices: readonly Device[];
  rows: readonly Row[] = [];
  height = 0;
  readonly #model: Model;
  readonly #clientsOf: readonly number[][];
  readonly #seriesOf: readonly Series[][];
  /** Those that were opened or closed by hand. */
  readonly #open = new Map<string, boolean>();

  constructor(model: Model) {
    this.#model = model;
    const { boots } = model.store.meta;
    const byName = new Map<string | null, number[]>();
    boots.forEach(({ device }, boot) => {
      const own = byName.get(device);
      if (own === undefined) byName.set(device, [boot]);
      else own.push(boot);
    });
    this.devices = [...byName].map(([name, own]) => ({ name, boots: own }));
    const clients: number[][] = boots.map(() => []);
    for (const [client, { boot }] of model.clients.entries()) clients[boot]!.push(client);
    const order = (client: number) => model.clients[client]!;
    for (const own of clients)
      own.sort((a, b) => compare(order(a).owner ?? order(a).label, order(b).owner ?? order(b).label));
    this.#clientsOf = clients;
    this.#seriesOf = Series.find(model);
    this.arrange();
  }

  /** After series have other times. */
  arrange(): void {
    const { clients, connections, store } = this.#model;
    const rows: Row[] = [];
    let top = 0;
    const add = (kind: Row["kind"], depth: number, index: number, label: string, isOpen?: boolean, series?: Series) => {
      const height = HEIGHTS[kind];
      rows.push({ kind, depth, index, label, isOpen, key: `${kind} ${index}`, height, top, ...(series && { series }) });
      top += height;
      return isOpen === true;
    };
    const isOpen = (key: string, before: boolean) => this.#open.get(key) ?? before;
    const few = clients.length <= MOST_OPEN_CLIENTS;
    let seriesIndex = 0;
    this.devices.forEach(({ name, boots }, device) => {
      const label = `${name === null ? "device without a name" : visible(name)}${boots.length > 1 ? `, ${countedText(boots.length, "boot")}` : ""}`;
      if (!add("device", 0, device, label, isOpen(`device ${device}`, device < 20))) return;
      for (const boot of boots) {
        const own = this.#clientsOf[boot]!;
        const series = this.#seriesOf[boot]!;
        const hasMore = own.length + series.length > 0;
        const before = few || boots.indexOf(boot) === 0;
        const opened = add(
          "boot",
          1,
          boot,
          bootText(store.meta.boots[boot]!),
          hasMore ? isOpen(`boot ${boot}`, before) : undefined,
        );
        const firstSeries = seriesIndex;
        seriesIndex += series.length;
        if (!opened) continue;
        for (const client of own) {
          const { connections: lanes, label: clientLabel } = clients[client]!;
          const said = `${visible(clientLabel)}${lanes.length > 1 ? ` (${numberText(lanes.length)})` : ""}`;
          if (!add("client", 2, client, said, lanes.length > 0 ? isOpen(`client ${client}`, false) : undefined))
            continue;
          for (const lane of lanes)
            add("connection", 3, lane, `connection ${visible(String(connections[lane]!.number))}`);
        }
        for (const [i, each] of series.entries())
          add("series", 2, firstSeries + i, visible(each.label), undefined, each);
      }
    });
    this.rows = rows;
    this.height = top;
  }

  toggle(row: Row, isOpen = !row.isOpen): void {
    if (row.isOpen === undefined || row.isOpen === isOpen) return;
    this.#open.set(row.key, isOpen);
    this.arrange();
  }

  /** Opens the rows that contain an event's lane. Returns its row. */
  reveal(event: number): Row {
    const { store, clientOf } = this.#model;
    const boot = store.boot[event]!;
    this.#open.set(`device ${this.devices.findIndex(({ boots }) => boots.includes(boot))}`, true);
    this.#open.set(`boot ${boot}`, true);
    this.arrange();
    return this.rowOf(event) ?? this.rows.find(({ kind, index }) => kind === "client" && index === clientOf[event])!;
  }

  /** The innermost row that shows an event. */
  rowOf(event: number): Row | undefined {
    const { clientOf, connectionOf, store } = this.#model;
    const find = (kind: Row["kind"], lane: number) => this.rows.find((row) => row.kind === kind && row.index === lane);
    return (
      find("connection", connectionOf[event]!) ?? find("client", clientOf[event]!) ?? find("boot", store.boot[event]!)
    );
  }

  at(y: number): Row | undefined {
    return this.rows[this.indexAt(y)];
  }

  /** The row at a height; the number of rows if there is none. */
  indexAt(y: number): number {
    let from = 0;
    let to = this.rows.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.rows[middle]!.top + this.rows[middle]!.height <= y) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

export function bootText({ boot, reader, anchors, after }: PageBoot): string {
  return `${boot === null ? "boot" : `boot ${boot}`}${after === null ? "" : ` after ${visible(after)}`}${reader > 0 ? `, reader ${reader}` : ""}${anchors.length === 0 ? ", time of day unknown" : ""}`;
}

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a) < String(b) ? -1 : 1;
}
