/** Reads lines that a board prints on its console, until there are enough of them. */
import { openSerialLink } from "../receive/links/serial.ts";
import { TelemetryError } from "../text/errors.ts";

export interface BoardLines {
  readonly path: string;
  readonly baud: number;
  /** Longest wait for the next line that matters. */
  readonly timeoutS: number;
  /** Takes a line. Returns "other" if it is unrelated, "done" if it was the last. */
  take(line: string): "other" | "more" | "done";
  /** Returns what to say when no line has come for that long. */
  silence(): string;
  /** A line for people. */
  say(line: string): void;
}

/** Resolves with the last line. Rejects with E_TIMEOUT, exit code 2, or with the port's error. */
export async function boardLines({ path, baud, timeoutS, take, silence, say }: BoardLines): Promise<void> {
  let settle: (error?: TelemetryError) => void = () => {};
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  settled.catch(() => {}); // awaited below, unless the port cannot be opened
  const waitLonger = () => setTimeout(() => settle(new TelemetryError("E_TIMEOUT", silence(), 2)), timeoutS * 1000);
  const link = await openSerialLink(
    { path, baud },
    {
      packet() {},
      text(_device, line) {
        const taken = take(line);
        if (taken === "other") return;
        clearTimeout(timer);
        timer = waitLonger();
        if (taken === "done") settle();
      },
      problem() {}, // of frames, which do not matter here
      say,
    },
  );
  let timer = waitLonger();
  say(`${link.description}: waiting for the board; reset it if it has already started`);
  try {
    await Promise.race([settled, link.ended]);
  } finally {
    clearTimeout(timer);
    await link.close();
  }
}
