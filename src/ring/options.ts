/**
 * Checks options at construction: each function throws an error that names the option, its value and what is allowed.
 */

/**
 * TypeError if `options` is not an object, or has a name that is not in `known`. `of`: the option that has it as its
 * value, if any.
 */
export function checkNames(options: unknown, known: readonly string[], of?: string): void {
  if (options === null || typeof options !== "object") refuse(of ?? "options", "an object", options);
  Object.keys(options).forEach((name) => {
    if (known.includes(name)) return;
    throw new TypeError(`unknown option "${name}"${of ? ` of ${of}` : ""}: known are ${known.join(", ")}`);
  });
}

/** TypeError if `value` is not a number, RangeError if it is not an integer from `least` to `most`. */
export function checkNumber(name: string, value: unknown, least: number, most: number): void {
  if (typeof value !== "number") refuse(name, "a number", value);
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most)
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, is ${value}`);
}

/** TypeError if `value` is not a function; `allowed` describes it: "a function", or more. */
export function checkFunction(name: string, value: unknown, allowed = "a function"): void {
  if (typeof value !== "function") refuse(name, allowed, value);
}

/** TypeError unless `value` is an object with a function for each of these names. */
export function checkMethods(name: string, value: unknown, methods: readonly string[]): void {
  const isObject = value !== null && (typeof value === "object" || typeof value === "function");
  if (!isObject || !methods.every((method) => typeof (value as Record<string, unknown>)[method] === "function"))
    refuse(name, `an object with ${methods.map((method) => `${method}()`).join(" and ")}`, value);
}

/** Throws TypeError. The value is shown in short, by code that never throws. */
export function refuse(what: string, allowed: string, value: unknown): never {
  let shown = Array.isArray(value) ? "an array" : typeof value;
  if (typeof value === "string") shown = `"${value.slice(0, 40)}"`;
  else if (value === null || (typeof value !== "object" && typeof value !== "function")) shown = String(value);
  throw new TypeError(`${what} must be ${allowed}, is ${shown}`);
}
