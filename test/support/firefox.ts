/** Debian's Firefox, headless, controlled over WebDriver BiDi: the second browser that the page must work in. */
import { ok } from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { WebSocket } from "ws";

const TIMEOUT_MS = 60_000;
/** Firefox itself makes no requests: those in `requests` are the page's. */
const PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.auto": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
};

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly request: { readonly url: string } };
  readonly result?: Record<string, unknown>;
  readonly error?: string;
  readonly message?: string;
}

export class Firefox {
  /** Every address that a page asked for. */
  readonly requests: string[] = [];
  readonly #profile: string;
  readonly #process: ChildProcess;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (message: Message) => void>();
  #context = "";
  #id = 0;

  private constructor(profile: string, process: ChildProcess, socket: WebSocket) {
    this.#profile = profile;
    this.#process = process;
    this.#socket = socket;
    socket.on("message", (data) => this.#take(JSON.parse(String(data))));
  }

  /** `script`: what each page runs before its own. */
  static async launch(script = "() => {}"): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), "xs-telemetry-firefox-"));
    const preferences = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${value});\n`);
    writeFileSync(join(profile, "user.js"), preferences.join(""));
    const child = spawn(
      process.env.FIREFOX ?? "firefox-esr",
      ["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", profile],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, TZ: "UTC" } },
    );
    let address: string | undefined;
    for await (const line of createInterface(child.stderr!)) {
      address = /^WebDriver BiDi listening on (ws:\S+)$/.exec(line)?.[1];
      if (address !== undefined) break;
    }
    ok(address !== undefined, "Firefox did not start");
    child.stderr!.resume();
    const socket = new WebSocket(`${address}/session`);
    await once(socket, "open");
    const firefox = new Firefox(profile, child, socket);
    await firefox.#ask("session.new", { capabilities: {} });
    await firefox.#ask("session.subscribe", { events: ["network.beforeRequestSent"] });
    await firefox.#ask("script.addPreloadScript", { functionDeclaration: script });
    const { contexts } = (await firefox.#ask("browsingContext.getTree", {})) as { contexts: { context: string }[] };
    firefox.#context = contexts[0]!.context;
    return firefox;
  }

  /** Opens a file from disk, and waits until it has drawn. */
  async open(file: string): Promise<void> {
    this.requests.length = 0;
    const url = pathToFileURL(resolve(file)).href;
    await this.#ask("browsingContext.navigate", { context: this.#context, url, wait: "complete" });
    const ready = `new Promise((done) => {
      const look = () => document.documentElement.dataset.state === "ready" ? done(true) : setTimeout(look, 50);
      look();
    })`;
    await this.evaluate(ready);
  }

  /** The value of an expression in the page, a promise awaited, by way of JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = (await this.#ask("script.evaluate", {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value ?? null))`,
      target: { context: this.#context },
      awaitPromise: true,
    })) as { result?: { value: string }; exceptionDetails?: { text: string } };
    ok(result !== undefined, exceptionDetails?.text);
    return JSON.parse(result.value);
  }

  /** Presses keys, one after the other, as a user does. */
  async press(...keys: readonly string[]): Promise<void> {
    const actions = keys.flatMap((value) => [
      { type: "keyDown", value },
      { type: "keyUp", value },
    ]);
    await this.#ask("input.performActions", {
      context: this.#context,
      actions: [{ type: "key", id: "keyboard", actions }],
    });
  }

  async close(): Promise<void> {
    this.#socket.close();
    const ended = once(this.#process, "exit");
    this.#process.kill();
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }

  #ask(method: string, params: object): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error(`${method}: no answer in ${TIMEOUT_MS} ms`)), TIMEOUT_MS);
      this.#answers.set(id, ({ result, error, message }) => {
        clearTimeout(timer);
        if (result) done(result);
        else fail(new Error(`${method}: ${error}: ${message}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #take(message: Message): void {
    if (message.id !== undefined) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
    } else if (message.method === "network.beforeRequestSent") this.requests.push(message.params!.request.url);
  }
}
