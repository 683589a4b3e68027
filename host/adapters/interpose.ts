/** Puts methods between an object and its prototype. */
import { type Method, patch, unpatchAll } from "../../src/adapters/adapter.ts";

/**
 * Adds private fields of a subclass to an existing object; nobody else sees them. Once for each subclass and object.
 */
export class Given {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: what is constructed is the object
    return object;
  }
}

/**
 * Methods that call `super`, for any prototype: each prototype gets one object with them. `create` makes it, the same
 * each time except for its `super`. Enumeration shows what it showed before.
 */
export function layers(create: () => object): (prototype: object) => object {
  const made = new WeakMap<object, object>();
  return (prototype) => {
    let layer = made.get(prototype);
    if (layer === undefined) {
      layer = Object.setPrototypeOf(create(), prototype) as object;
      for (const name of Object.keys(layer))
        Object.defineProperty(layer, name, { enumerable: isEnumerable(prototype, name) });
      made.set(prototype, layer);
    }
    return layer;
  };
}

function isEnumerable(object: object, name: string): boolean {
  let holder: object | null = object;
  while (holder !== null && !Object.hasOwn(holder, name)) holder = Object.getPrototypeOf(holder) as object | null;
  return holder !== null && Object.prototype.propertyIsEnumerable.call(holder, name);
}

/** Layers that no longer do anything, although they may lie beneath others. */
const off = new WeakSet<object>();

/**
 * Puts a layer between an object and its prototype. If the object has methods of the same names, which would hide the
 * layer, it gets those of its own layer, which call them. Throws TypeError, and changes nothing, if the object cannot
 * be changed. Returns a function that removes the layer: everything is as before, unless somebody has added a layer
 * above since; the last one removed takes along those that could not go.
 */
export function interpose(object: object, layerOf: (prototype: object) => object): () => void {
  const before = Object.getPrototypeOf(object) as object;
  const shared = layerOf(before);
  const names = Object.getOwnPropertyNames(shared);
  const own = names.filter((name) => Object.hasOwn(object, name));
  if (own.length > 0) {
    const descriptors = own.map((name) => [name, Object.getOwnPropertyDescriptor(object, name)!] as const);
    if (!Object.isExtensible(object) || descriptors.some(([, { configurable }]) => !configurable))
      throw new TypeError(`${names.join()} cannot be changed`);
    const layer = layerOf(Object.create(before, Object.fromEntries(descriptors))) as Record<string, Method>;
    const patches = names.map((name) => patch(object, name, layer[name]!));
    return () => unpatchAll(object, patches);
  }
  Object.setPrototypeOf(object, shared);
  return () => {
    off.add(shared);
    if (Object.getPrototypeOf(object) !== shared) return;
    let beneath = before;
    while (off.has(beneath)) beneath = Object.getPrototypeOf(beneath) as object;
    Object.setPrototypeOf(object, beneath);
  };
}
