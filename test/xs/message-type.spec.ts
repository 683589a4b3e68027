import { createMessageType } from "../../src/adapters/message-type.ts";
import { equal, fromHex, ok, random } from "../support/assert.ts";
import { campaign, rounds, seedFor } from "../support/campaign.ts";
import { pretenders } from "../support/sinks.ts";

const find = createMessageType();

/** The UTF-8 of a string of whole characters. */
function utf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text);
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at++)
    if (escaped[at] === "%") {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(escaped.charCodeAt(at));
  return Uint8Array.from(bytes);
}

/** As text, as bytes, as bytes amid others, as a buffer. */
function check(text: string, expected: string, what = text): void {
  const bytes = utf8(text);
  const amid = new Uint8Array(bytes.length + 9).fill(0x22);
  amid.set(bytes, 4);
  equal(find(text), expected, `type of ${what}`);
  equal(find(bytes), expected, `type of the bytes of ${what}`);
  equal(find(amid.subarray(4, 4 + bytes.length)), expected, `type of bytes amid others, of ${what}`);
  equal(find(bytes.buffer), expected, `type of the buffer of ${what}`);
}

/** A megabyte of ASCII: as text, and the beginning of it as that of as many bytes. */
function checkLong(text: string, expected: string, what: string): void {
  const bytes = new Uint8Array(1_000_000).fill(0x78);
  for (let at = 0; at < 1000; at++) bytes[at] = text.charCodeAt(at);
  equal(find(text), expected, `type of ${what}`);
  equal(find(bytes), expected, `type of the bytes of ${what}`);
  equal(find(bytes.buffer), expected, `type of the buffer of ${what}`);
}

describe("the type of a message", () => {
  it("is the same however many beginnings are remembered, for text, bytes and buffers in turn", () => {
    const messages: [text: string, type: string][] = [
      ["plain text", ""],
      ['{"type":"a","b":1}', "a"],
      ["", ""],
      ['{"x":1}', ""],
    ];
    for (let count = 0; count < 12; count++) messages.push([`{"id":1,"type":"type${count}"}`, `type${count}`]);
    messages.push(['{"type":"a', ""], ['{"type":"ab"}', "ab"], ['{"type":"a"', "a"], ['{"id":1,"type":"type1', ""]);
    for (const remembered of [1, 2, 8, 20]) {
      const remembering = createMessageType(remembered);
      const dice = random(remembered);
      for (const count of campaign("messages whose type is looked for", 8000, 1000)) {
        const [text, type] = dice.pick(messages);
        const bytes = utf8(text);
        const message = dice.pick<unknown>([text, bytes, bytes.buffer]);
        equal(remembering(message), type, `type of ${text}, ${remembered} remembered, step ${count}`);
      }
    }
  });

  it("is the JSON type, else the method", () => {
    check('{"type":"getStatus"}', "getStatus");
    check('{"method":"getStatus"}', "getStatus");
    check('{"method":"m","type":"t"}', "t");
    check('{"type":"t","method":"m"}', "t");
    check(' \t\r\n{ "id" : 1 , "type" : "t" } ', "t");
    check('{"jsonrpc":"2.0","id":1,"params":[1,{"a":"b"}],"method":"m"}', "m");
    check('{"type":""}', "");
    check('{"method":"m","type":""}', "", "an empty type, which is one");
  });

  it("is that of the outer object alone", () => {
    check('{"a":{"type":"inner"},"b":[{"type":"inner"}],"type":"outer"}', "outer");
    check('{"a":{"type":"inner"}}', "");
    check('[{"type":"inner"}]', "");
    check('{"a":{"b":{"c":[[{"type":"inner"}]]}},"method":"m"}', "m");
    check('{"a":"{\\"type\\":\\"inner\\"}","type":"outer"}', "outer", "JSON in a string");
    check('{"a":"}","b":["]","{"],"c":{"d":"\\\\"},"type":"outer"}', "outer", "strings with braces");
    check('{"a":"\\\\\\"","type":"outer"}', "outer", "an escaped quote behind a backslash");
    check('{"type2":"no","typ":"no","Type":"no","":"no"}', "");
  });

  it("is the first string of several", () => {
    check('{"type":"a","type":"b"}', "a");
    check('{"type":5,"type":"b"}', "b");
    check('{"method":"a","method":"b"}', "a");
  });

  it("is no number, null, boolean, array or object", () => {
    for (const value of ["5", "-1.5e3", "null", "true", '["t"]', '{"type":"t"}', "[]", "{}"]) {
      check(`{"type":${value}}`, "");
      check(`{"type":${value},"method":"m"}`, "m");
      check(`{"method":${value},"type":"t"}`, "t");
    }
  });

  it("is found whatever is escaped", () => {
    check('{"\\u0074ype":"t"}', "t");
    check('{"\\u0074\\u0079\\u0070\\u0065":"t"}', "t");
    check('{"\\u006d\\u0065\\u0074\\u0068\\u006f\\u0064":"m"}', "m");
    check('{"type\\u0000":"no"}', "");
    check('{"ty\\pe":"no"}', "", "a key that is no JSON");
    check('{"type":"get\\u0053tatus\\n\\"\\\\\\/"}', 'getStatus\n"\\/');
    check('{"type":"\\ud83d\\ude00"}', "😀");
    check('{"type":"\\u12"}', "", "a type that is no JSON");
    check('{"type":"a\\', "", "an end behind a backslash");
    check('{"type":"a\\"', "", "an end behind an escaped quote");
  });

  it("may have characters of any kind", () => {
    check('{"type":"é€😀"}', "é€😀");
    check('{"é€😀":"é€😀","type":"t"}', "t");
    check('{"type":"100%25"}', "100%25");
    check('{"type":"%é"}', "%é");
  });

  it('is "" of bytes that are no UTF-8, and found behind others that are none', () => {
    const json = (hex: string) =>
      fromHex(hex.replace(/"[^"]*"/g, (text) => hexOf(text.slice(1, -1).replace(/'/g, '"'))));
    const hexOf = (text: string) => {
      let hex = "";
      for (let at = 0; at < text.length; at++) hex += text.charCodeAt(at).toString(16);
      return hex;
    };
    equal(find(json(`"{'type':'"ff"'}"`)), "", "a type of 0xff");
    equal(find(json(`"{'type':'"c3"'}"`)), "", "half a character");
    equal(find(json(`"{'a':'"ff80"','type':'t'}"`)), "t", "a type behind others");
    equal(find(json(`"{'"ff"':'a','type':'t'}"`)), "t", "a key of 0xff");
    equal(find(fromHex("00ff7b22")), "", "binary");
  });

  it('is "" of what is no JSON object, or breaks off', () => {
    const whole = '{"a":[1,{"b":"c"}],"type":"t"';
    for (let length = 0; length < whole.length; length++) check(whole.slice(0, length), "");
    check(whole, "t", "a message whose end is missing");
    for (const text of ["", " ", "type", '"type"', "null", "{}", "{ }", '{type:"t"}', "{'type':'t'}", '{"type" "t"}'])
      check(text, "");
    for (const text of [
      '{"a":1 "type":"t"}',
      '{,"type":"t"}',
      '{"a",1,"type":"t"}',
      '{"a":}"type":"t"}',
      "{{{{",
      "[[[[",
    ])
      check(text, "");
    for (const value of [undefined, null, 5, {}, [], new Int16Array(4), () => 1, { toString: () => '{"type":"t"}' }])
      equal(find(value), "", `type of ${typeof value}`);
    for (const value of pretenders()) equal(find(value), "", "type of what passes for bytes");
  });

  it("is looked for in the first 512 characters, or bytes", () => {
    const at = (length: number) => `{"a":"${"x".repeat(length - 22)}","type":"last"}`;
    check(at(513), "last", "a type whose quote is the last that is looked at");
    for (let length = 514; length < 530; length++) check(at(length), "", `a type that ends at ${length}`);
    checkLong(`{"method":"m","a":"${"x".repeat(1_000_000)}","type":"t"}`, "m", "a type behind a megabyte");
    checkLong(`{"type":"${"x".repeat(1_000_000)}"}`, "", "a type of a megabyte");
    check(`{"type":"${"x".repeat(300)}"}`, "x".repeat(300), "a type of 300");
    check(`{"type":"${"x".repeat(400)}"}`, "", "a type of 400");
    checkLong(`{"${"type".repeat(250_000)}":"t"}`, "", "a key of a megabyte");
    checkLong("[".repeat(1_000_000), "", "a megabyte of brackets");
    checkLong('{"a":'.repeat(200_000), "", "a megabyte of objects");
    checkLong(`{${" ".repeat(1_000_000)}"type":"t"}`, "", "a megabyte of spaces");
  });

  it("is what JSON.parse finds, of random objects", () => {
    const seed = seedFor(1);
    const { below, pick } = random(seed);
    const words = [
      "type",
      "method",
      "type",
      "method",
      "a",
      'q"',
      "b\\",
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      "é",
      "😀",
      " ",
      "\n",
    ];
    const value = (depth: number): unknown => {
      const kind = below(depth > 2 ? 4 : 6);
      if (kind === 0) return below(1000) - 500;
      if (kind === 1) return pick([true, false, null]);
      if (kind < 4) return pick(words) + pick(words);
      if (kind === 4) return [value(depth + 1), value(depth + 1)].slice(below(3));
      return object(depth + 1);
    };
    const object = (depth: number) => {
      const made: { [key: string]: unknown; type?: unknown; method?: unknown } = {};
      for (let count = below(5); count > 0; count--) made[pick(words)] = value(depth);
      return made;
    };
    let found = 0;
    for (const _turn of campaign("messages whose type is looked for", 10_000, 1000)) {
      const message = object(0);
      let text = JSON.stringify(message, undefined, pick([0, 0, 1]));
      if (below(3) === 0)
        text = text.replace(/[tm](?=[a-z]+":)/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
      if (text.length > 250) continue; // some are more than twice as many bytes
      const expected =
        typeof message.type === "string" ? message.type : typeof message.method === "string" ? message.method : "";
      if (expected !== "") found++;
      check(text, expected, `${text}, seed ${seed}`);
    }
    ok(found > rounds(800, 80), `${found} types among them`);
  });
});
