// A broker for specs: Debian's mosquitto, with its own ports and folder.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, Program } from "./processes.ts";

export interface BrokerOptions {
  /** Who may connect; without it everybody. Names and passwords: letters and digits. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Paths of a certificate and its key: a second listener, which speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface Broker {
  readonly port: number;
  /** `mqtt://127.0.0.1:PORT`, without user and password. */
  readonly url: string;
  /** Of the TLS listener; 0 without one. */
  readonly tlsPort: number;
  /** Of its process; it must be running. */
  pid(): number;
  /** Keeps sessions and their messages, as a restarted broker does. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** Starts a broker that keeps its sessions over a restart. */
export async function startBroker({ user, tls }: BrokerOptions = {}): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), "xs-telemetry-broker-"));
  const port = await freePort();
  const tlsPort = tls ? await freePort() : 0;
  const config = join(folder, "mosquitto.conf");
  const lines = [
    "user root", // not changed to another user, who might not read the folder
    "persistence true",
    `persistence_location ${folder}/`,
    "max_queued_messages 0",
    "max_inflight_messages 0",
    "set_tcp_nodelay true",
    user ? "allow_anonymous false" : "allow_anonymous true",
    `listener ${port} 127.0.0.1`,
  ];
  if (user) {
    const passwords = join(folder, "passwords");
    execFileSync("mosquitto_passwd", ["-b", "-c", passwords, user.name, user.password], { stdio: "ignore" });
    lines.push(`password_file ${passwords}`);
  }
  if (tls) lines.push(`listener ${tlsPort} 127.0.0.1`, `certfile ${tls.cert}`, `keyfile ${tls.key}`);
  writeFileSync(config, `${lines.join("\n")}\n`);
  let program: Program | undefined;

  const broker: Broker = {
    port,
    url: `mqtt://127.0.0.1:${port}`,
    tlsPort,
    pid: () => program!.pid,
    async start() {
      program = new Program("mosquitto", ["-c", config]);
      // Its port accepts before its loop runs, and a SIGTERM in between is lost: an answer shows that the loop runs.
      await program.ready(() => answers(port));
    },
    async stop() {
      await program?.stop();
      program = undefined;
    },
    async close() {
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await broker.start();
  return broker;
}

/** CONNECT of MQTT 3.1.1 (§3.1): a clean session, 60 s, a client id of the broker's choice. */
const CONNECT = Uint8Array.of(0x10, 12, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 0);

/** Whether there is a broker that answers, whatever the answer is. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(CONNECT));
    socket.once("data", () => {
      resolve(true);
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(false));
  });
}
