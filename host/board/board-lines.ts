/** Lines that a board writes to its console, until there are enough of them. */
import { openSerialLink } from "../receive/links/serial.ts";
import { TelemetryError } from "../text/errors.ts";

export interface BoardLines {
  readonly path: string;
  readonly baud: number;
  /** Longest wait for the next line that matters. */
  readonly timeoutS: number;
  /** Takes a line: "other" if it is none of ours, "done" if it was the last. */
  take(line: string): "other" | "more" | "done";
  /** What to say when no line came for so long. */
  silence(): string;
  /** A line for people. */
  say(line: string): void;
}

/** Resolves with the last line. Rejects with E_TIMEOUT, exit code 2, or as the port does. */
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
      problem() {}, // of frames, which are none of this
      say,
    },
  );
  let timer = waitLonger();
  say(`${link.description}: waiting for the board; reset it if it has begun already`);
  try {
    await Promise.race([settled, link.ended]);
  } finally {
    clearTimeout(timer);
    await link.close();
  }
}
