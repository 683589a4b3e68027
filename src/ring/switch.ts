// A module of its own, xs-telemetry/switch, which all others import, however they are bundled: there is one switch.

/** Whether telemetry is on. A live binding, to guard a call site with `if (enabled) …`; what a guard skips is not counted. */
export let enabled = true;

/** What does not look at the binding with every call. */
export interface Switched {
  enable(on: boolean): void;
}

/** Taken before a script can put another in its place. */
const Weak = WeakRef;

let all: WeakRef<Switched>[] | undefined;

/** Switches all telemetry on or off. Calls made while it is off return at once and count as `suppressed`. */
export function setEnabled(value: boolean): void {
  enabled = Boolean(value);
  all?.forEach((switched) => {
    switched.deref()?.enable(enabled);
  });
}

/**
 * Tells of each change, as long as something else keeps the object. A script that has changed what arrays do gets hold of it: it is
 * to have nothing but enable().
 */
export function onSwitch(switched: Switched): void {
  // Not at the module's top level: a preloaded module has no array that changes.
  if (all === undefined) all = [];
  // Those that are gone are forgotten now and then, so that thousands in one process cost no more than a few each.
  else if ((all.length & (all.length - 1)) === 0) all = all.filter((known) => known.deref());
  all.push(new Weak(switched));
}
