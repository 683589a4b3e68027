/** An expected failure: its message contains the place, the value and the way out. */
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

/** A problem in the data that did not stop the work. */
export interface Problem {
  /** Stable, for programs: `E_…` errors, `W_…` warnings. */
  readonly code: string;
  /** One sentence: what is wrong, the value, and what was expected. Without the place. */
  readonly message: string;
  /** Where: file, line from 1, byte offset from 0, packet number. Unknown ones are absent. */
  readonly file?: string;
  readonly line?: number;
  readonly offsetBytes?: number;
  readonly packet?: number;
  readonly attribute?: string;
  /** The device's id, the boot's, and the reader's number, if the place does not include them. */
  readonly device?: string | undefined;
  readonly bootId?: number;
  readonly reader?: number;
  /** How many times it occurred, if it is reported once for all. */
  readonly count?: number;
}
