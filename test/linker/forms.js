// Compiled and linked by Moddable's tools into forms.json, which says how. Each function has its own literals.
export const constant = "of the module";

export function short() {
  return "short";
}

export function long(text = "a default") {
  return (
    text ===
    "a literal of more than 255 bytes: 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789"
  );
}

export const compares = (value) => typeof value === "string" && value !== "";

export const template = (value) => `from ${value} to ${value}`;

export const pattern = (value) => /[a-z]+/g.test(value);

export const members = () => ({ name: "value", "a-b": constant, [constant]: "computed" });

export function nested() {
  return () => {
    const inner = "in a closure";
    return () => `${inner}: in a closure's closure`;
  };
}

export function large(first, second, third) {
  return () => {
    if (first === "first")
      return second(first, third, "and so on", "until this closure has more than 127 bytes of code");
    return second(third, "else", "that is all, or nearly so");
  };
}

export class Thing {
  field = "of a field";
  #hidden = "of a private field";
  method() {
    return this.#hidden === "of a method";
  }
  get value() {
    return "of a getter";
  }
  static make() {
    return new Thing("of a static method");
  }
}
