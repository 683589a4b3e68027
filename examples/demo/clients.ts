// Real clients, good and bad.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { KEY } from "./server.ts";

async function open(port: number, client: number, key = KEY): Promise<WebSocket> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?client=${client}&key=${key}`);
  await once(socket, "open");
  return socket;
}

async function close(socket: WebSocket): Promise<void> {
  socket.close();
  await once(socket, "close");
}

/** Sends and waits for the answer. */
async function ask(socket: WebSocket, message: object): Promise<void> {
  const answered = once(socket, "message");
  socket.send(JSON.stringify(message));
  await answered;
}

async function wellBehaved(port: number, client: number): Promise<void> {
  const socket = await open(port, client);
  for (let round = 0; round < 6; round++) {
    await ask(socket, { type: "getStatus", requestId: `r${round}` });
    await ask(socket, { type: "parameters.set", brightness: 40 * round, name: "Früh am Meer 🌊" });
    await sleep(120);
  }
  await close(socket);
}

async function malformed(port: number, client: number): Promise<void> {
  const socket = await open(port, client);
  socket.send('{"type": "getStatus", "requestId": ');
  socket.send("hello");
  socket.send(new Uint8Array([0x7b, 0xff, 0x00, 0xc3]));
  await ask(socket, { type: "zones.get" });
  await close(socket);
}

async function oversized(port: number, client: number): Promise<void> {
  const socket = await open(port, client);
  socket.send(JSON.stringify({ type: "upload", data: "x".repeat(2000) }));
  await ask(socket, { type: "zones.get" });
  await close(socket);
}

async function tooFrequent(port: number, client: number): Promise<void> {
  const socket = await open(port, client);
  for (let count = 0; count < 40; count++) socket.send(JSON.stringify({ type: "leds.set", index: count }));
  await sleep(100);
  await close(socket);
}

async function unauthorised(port: number, client: number): Promise<void> {
  const socket = await open(port, client, "guessed");
  for (let count = 0; count < 3; count++) socket.send(JSON.stringify({ type: "ota.begin", size: 50_000 }));
  await sleep(50);
  await close(socket);
}

/** Loses its connection without a close frame, and comes back. */
async function dropped(port: number, client: number): Promise<void> {
  for (let time = 0; time < 3; time++) {
    const socket = await open(port, client);
    await ask(socket, { type: "getStatus" });
    socket.terminate();
    await sleep(60);
  }
}

/** Asks for a path that does not exist. */
async function lost(port: number, client: number): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/elsewhere?client=${client}`);
  await once(socket, "error");
}

/** All of them at once; about a second. */
export async function runClients(port: number): Promise<void> {
  const clients = [wellBehaved, wellBehaved, malformed, oversized, tooFrequent, unauthorised, dropped, lost];
  await Promise.all(clients.map((behave, index) => behave(port, index + 1)));
  await sleep(50);
}
