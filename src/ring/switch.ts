// A module of its own, xs-telemetry/switch, which all others import, however they are bundled: there is one switch.

/**
 * Whether telemetry is on. A live binding, to guard a call site with `if (enabled) …`; calls that the guard skips are
 * not counted.
 */
export let enabled = true;

/** Subscribers that do not check the binding with every call. */
export interface Switched {
  enable(on: boolean): void;
}

/** Taken before a script can replace it. */
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
 * Reports each change, as long as something else keeps the object. A script that has changed the methods of arrays gets
 * hold of this object: enable() is all that it must have.
 */
export function onSwitch(switched: Switched): void {
  // Not at the module's top level: a preloaded module has no array that changes.
  if (all === undefined) all = [];
  // Objects that are gone are forgotten now and then, so that thousands in one process cost only a few each.
  else if ((all.length & (all.length - 1)) === 0) all = all.filter((known) => known.deref());
  all.push(new Weak(switched));
}
