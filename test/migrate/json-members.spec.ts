// Members of a JSON object as they are spelled.
import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { readMembers, stringOf } from "../../host/migrate/json-members.ts";

describe("readMembers", () => {
  it("finds what JSON.parse finds, in the text's order, spelled as it is there", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string({ unit: "binary" }), fc.json()), { maxLength: 8 }),
        fc.constantFrom("", " ", "\t \r"),
        (entries, gap) => {
          const text = `${gap}{${entries.map(([key, value]) => `${gap}${JSON.stringify(key)}${gap}:${gap}${value}${gap}`).join(",")}${gap}}${gap}`;
          const { values, repeated } = readMembers(text);
          deepEqual(new Map(entries), values);
          equal(repeated !== undefined, values.size < entries.length);
          deepEqual(
            new Map(Object.entries(JSON.parse(text))),
            new Map([...values].map(([key, value]) => [key, JSON.parse(value)])),
          );
        },
      ),
    );
  });

  it("reads text with escapes, and nothing else, as text", () => {
    deepEqual(['"a"', '"\\u0041\\\\"', "1", "null", undefined].map(stringOf), [
      "a",
      "A\\",
      undefined,
      undefined,
      undefined,
    ]);
  });
});
