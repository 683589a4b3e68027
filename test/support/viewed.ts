import { join } from "node:path";
import { Collector } from "../../host/capture/collector.ts";
import { registry } from "../../host/generated/registry.ts";
import { PacketSource } from "./packets.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5);

/** An image, a script, a link, something that loads, controls, directions. */
export const ATTACKS = [
  "</script><script>attacked(1)</script>",
  '<img src="https://evil.example/a.png" onerror="attacked(2)">',
  '<a href="javascript:attacked(3)">x</a>',
  "'\"><svg onload=attacked(4)>",
  '<link rel=stylesheet href="https://evil.example/b.css">',
  "\u202Efdp.exe\u0007\u001B[31m",
];

/** Run in the page, as if its script had put text of a recording into the document as markup. */
export const BREAK_IN = `(async () => {
  const violations = new Set();
  document.addEventListener("securitypolicyviolation", (event) => violations.add(event.effectiveDirective));
  const into = document.createElement("div");
  into.innerHTML = '<img src="https://evil.example/c.png" onerror="attacked(6)"><a id="bad" href="javascript:attacked(7)">x</a>';
  document.body.append(into);
  const script = document.createElement("script");
  script.textContent = "attacked(8)";
  document.body.append(script);
  const style = document.createElement("link");
  style.rel = "stylesheet";
  style.href = "https://evil.example/d.css";
  document.head.append(style);
  document.getElementById("bad").click();
  const fetched = await fetch("https://evil.example/e").then(() => "fetched", () => "refused");
  await new Promise((done) => setTimeout(done, 200));
  return { fetched, attacks: globalThis.attacks, violations: [...violations].sort() };
})()`;

/** Two boots of pump-7; the first loses 37 events on the device and a packet on the way; and a device with hostile texts. */
export function capture(root: string): string {
  const folder = join(root, "capture");
  const all = new Collector(folder, { registry });
  for (const boot of [0, 1]) {
    const source = new PacketSource({ bootId: 0xab + boot });
    const said = { clientId: 3, connEpoch: 1, token: 1 };
    const packets = [
      source.tokens([[1, "getStatus"]]),
      source.data([
        { event: "ws.connect", time: 1000, clientId: 3, connEpoch: 1, ip: "10.0.0.7" },
        { event: "ws.connected", time: 1004, clientId: 3, connEpoch: 1 },
        { event: "ws.connect", time: 1500, clientId: 4, connEpoch: 2, ip: "10.0.0.8" },
      ]),
      source.data([
        { event: "msg.recv", time: 2000, ...said, payloadSummary: '{"hello":"Needle"}' },
        { event: "msg.send", time: 2041, ...said },
        { event: "msg.recv", time: 2500, ...said, reason: 1 },
      ]),
    ];
    source.data([{ event: "msg.send", time: 2600, ...said }]); // on the way it is lost
    packets.push(source.data([{ event: "msg.recv", time: 4000, ...said }], boot === 0 ? 37 : 0));
    packets.push(source.data([{ event: "ws.disconnect", time: 5000, clientId: 3, connEpoch: 1 }]));
    for (const { bytes } of packets) all.packet("pump-7", bytes, T0 + boot * 60_000 + 10);
  }
  const bad = new PacketSource({ bootId: 0xbad });
  for (const { bytes } of [
    bad.tokens(ATTACKS.map((text, index) => [index + 1, text])),
    bad.data([{ event: "ws.connect", time: 100, clientId: 9, connEpoch: 0, ip: "<b>bold</b>" }]),
    bad.data(
      ATTACKS.map((text, index) => ({
        event: "msg.recv" as const,
        time: 200 + index,
        clientId: 9,
        connEpoch: 0,
        token: index + 1,
        payloadSummary: text,
      })),
    ),
  ])
    all.packet("<img src=x onerror=attacked(5)>", bytes, T0 + 20);
  all.close();
  return folder;
}
