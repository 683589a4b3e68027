/** Methods between an object and its prototype. */

/** Gives private fields of a subclass to an object that is there already; nobody else sees them. Once for a subclass and object. */
export class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: what is constructed is the object
    return object;
  }
}

/**
 * Methods that call `super`, for any prototype: each gets one object with them. `create` makes it, and the same each time but for what
 * `super` is.
 */
export function layers(create: () => object): (prototype: object) => object {
  const made = new WeakMap<object, object>();
  return (prototype) => {
    let layer = made.get(prototype);
    if (layer === undefined) {
      layer = Object.setPrototypeOf(create(), prototype) as object;
      made.set(prototype, layer);
    }
    return layer;
  };
}

/**
 * Puts a layer between an object and its prototype. What the object has of the same names would hide it, and goes beneath. Throws
 * TypeError, and changes nothing, if the object is not to be changed. Returns what takes the layer out again: unless somebody else has put
 * something between since, all is as it was.
 */
export function interpose(object: object, layerOf: (prototype: object) => object): () => void {
  const before = Object.getPrototypeOf(object) as object;
  const names = Object.getOwnPropertyNames(layerOf(before)).filter((name) => Object.hasOwn(object, name));
  const own = Object.fromEntries(names.map((name) => [name, Object.getOwnPropertyDescriptor(object, name)!]));
  if (names.some((name) => !own[name]!.configurable)) throw new TypeError(`${names.join()} cannot be changed`);
  const layer = layerOf(names.length > 0 ? Object.create(before, own) : before);
  Object.setPrototypeOf(object, layer);
  for (const name of names) Reflect.deleteProperty(object, name);
  return () => {
    if (Object.getPrototypeOf(object) !== layer) return;
    Object.setPrototypeOf(object, before);
    for (const name of names) if (!Object.hasOwn(object, name)) Object.defineProperty(object, name, own[name]!);
  };
}
