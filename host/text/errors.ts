/** What a command prints for a failure it foresaw: place, value and the way out stand in the message. */
export class TelemetryError extends Error {
  /** Stable, for programs: `E_…`. */
  readonly code: string;
  /** 1 the data is bad, 2 usage or I/O. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, exitCode: 1 | 2) {
    super(message);
    this.name = "TelemetryError";
    this.code = code;
    this.exitCode = exitCode;
  }
}

/** Something wrong in the data, which did not stop the work. */
export interface Problem {
  /** Stable, for programs: `E_…` errors, `W_…` warnings. */
  readonly code: string;
  /** One sentence: what, the value, what was expected. Without the place. */
  readonly message: string;
  /** Where: file, line from 1, byte offset from 0, packet number. What is not known is absent. */
  readonly file?: string;
  readonly line?: number;
  readonly offsetBytes?: number;
  readonly packet?: number;
  readonly attribute?: string;
  /** Whose, if the place does not say it: the device's id, the boot's, the reader's number. */
  readonly device?: string | undefined;
  readonly bootId?: number;
  readonly reader?: number;
  /** How many times, if it is said once for all. */
  readonly count?: number;
}
