/** A day of a device: the traces beside this file, as the emitter records them and `decode` prints them. */
import { Reason, Telemetry } from "xs-telemetry";
import { decode, registry } from "xs-telemetry/host";

/** By file name: what happens on the device, one boot each. */
const SCRIPTS: Readonly<Record<string, readonly ((device: Device) => void)[]>> = {
  "happy_path.jsonl": [oneClient],
  "reconnect.jsonl": [reconnect],
  "rejections.jsonl": [rejections],
  "losses.jsonl": [losses],
  "two_boots.jsonl": [oneClient, reconnect],
};

function oneClient({ telemetry, wait }: Device): void {
  const getStatus = telemetry.messageType("getStatus");
  const connection = telemetry.connect(1, "192.168.0.25");
  wait(3);
  connection.connected();
  for (let turn = 0; turn < 5; turn++) {
    wait(500);
    connection.received(getStatus, `{"type":"getStatus","requestId":${turn}}`);
    wait(1);
    connection.sent(telemetry.messageType("status"));
  }
  wait(250);
  connection.disconnected();
}

function reconnect({ telemetry, wait }: Device): void {
  const [lamp, phone] = [telemetry.connect(1, "192.168.0.25"), telemetry.connect(2, "fe80::1ff:fe23:4567:890a")];
  wait(2);
  lamp.connected();
  phone.connected();
  const update = telemetry.messageType("zones.update");
  lamp.received(update, '{"type":"zones.update","zoneId":0}');
  wait(40);
  lamp.disconnected();
  phone.received(update, new Uint8Array([0x7b, 0xff, 0x7d]));
  wait(900);
  const again = telemetry.connect(1, "192.168.0.25");
  again.connected();
  again.sent(update);
  phone.disconnected();
  again.disconnected();
}

function rejections({ telemetry, wait }: Device): void {
  const setLights = telemetry.messageType("setLights");
  const connection = telemetry.connect(3, "10.0.0.7");
  connection.rejected(Reason.authFailed, setLights, '{"type":"setLights"}');
  wait(12);
  connection.connected();
  connection.rejected(Reason.rateLimit, setLights);
  connection.rejected(Reason.sizeLimit, setLights, "x".repeat(300));
  connection.rejected(Reason.parseError, 0, '{"type": "setLi');
  connection.received(setLights, "");
  connection.disconnected();
}

/** More than the ring holds, and nobody reads. */
function losses({ telemetry, wait, drain }: Device): void {
  const connection = telemetry.connect(1, "192.168.0.25");
  connection.connected();
  drain();
  for (let turn = 0; turn < 40; turn++) {
    wait(10);
    connection.received(telemetry.messageType("getStatus"), '{"type":"getStatus"}');
  }
  connection.disconnected();
}

interface Device {
  readonly telemetry: Telemetry;
  /** Lets this many milliseconds pass. */
  wait(ms: number): void;
  /** Reads all packets that wait. */
  drain(): void;
}

/** The traces by file name: JSON lines. Always the same. */
export async function makeTraces(): Promise<Map<string, string>> {
  const traces = new Map<string, string>();
  for (const [file, boots] of Object.entries(SCRIPTS)) {
    const packets = boots.flatMap((boot, index) => packetsOf(boot, index));
    let text = "";
    for await (const item of decode(packets, { registry, output: "lines" }))
      if (item.kind === "lines") text += Buffer.from(item.lines);
    traces.set(file, text);
  }
  return traces;
}

function packetsOf(boot: (device: Device) => void, index: number): Uint8Array[] {
  const clock = { ms: 71_323 >> index, now: () => clock.ms };
  const telemetry = new Telemetry({ capacityBytes: 1024, clock, bootId: index + 1 });
  const reader = telemetry.reader();
  const buffer = new Uint8Array(1400);
  const packets: Uint8Array[] = [];
  const drain = () => {
    for (let bytes = reader.next(buffer); bytes > 0; bytes = reader.next(buffer)) packets.push(buffer.slice(0, bytes));
  };
  const wait = (ms: number) => {
    clock.ms += ms;
    if (boot !== losses) drain();
  };
  boot({ telemetry, wait, drain });
  drain();
  return packets;
}
