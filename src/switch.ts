/** Whether telemetry is on. A live binding, to guard a call site with `if (enabled) …`; what a guard skips is not counted. */
export let enabled = true;

/** Switches all telemetry on or off. Calls made while it is off return at once and count as `suppressed`. */
export function setEnabled(value: boolean): void {
  enabled = Boolean(value);
}
