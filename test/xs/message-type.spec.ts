// The type that a message says, found by an adapter over each emitter, compared with the rule: in C, in TypeScript, and in Node.
import { Telemetry } from "xs-telemetry";
import { privacy } from "xs-telemetry/privacy";
import { instrument } from "xs-telemetry/websocket";
import { deepEqual, equal, ok, random, toHex } from "../support/assert.ts";
import { campaign, rounds, seedFor } from "../support/campaign.ts";
import { FakeServer } from "../support/fake-websocket-server.ts";
import { givesUpSoon, ruledOf, typeFinder, XS_CHARACTERS, XS_STEPS } from "../support/message-types.ts";
import { textOfString } from "../support/text-model.ts";

/** Of the host for XS: a string of any bytes, which has the natives for it. */
const { stringOf, args } = globalThis as { stringOf?(buffer: ArrayBuffer): string; args?: readonly string[] };
const takesAll = stringOf !== undefined && args?.[0] === "native";
const NAME_BYTES = 64;

/** The UTF-8 of a string of whole characters, as XS keeps it. */
function utf8(text: string): number[] {
  const escaped = encodeURIComponent(text);
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at++)
    if (escaped[at] === "%") {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(escaped.charCodeAt(at));
  return bytes;
}

const bufferOf = (bytes: readonly number[]): ArrayBuffer => Uint8Array.from(bytes).buffer;
const show = (bytes: readonly number[]) => String.fromCharCode(...bytes.slice(0, 700));

let finder = typeFinder();
let names = 0;

/** That a message has the type that the rule says, or the search was given up where it may be. Returns the type. */
function checkRule(message: string | ArrayBuffer, bytes: readonly number[], what: string): string {
  const isText = typeof message === "string";
  const { name, isAbandoned, steps } = ruledOf(bytes, isText);
  // A table has room for 65,535, and each packet of names has them all.
  if (++names % 1_000 === 0) finder = typeFinder();
  const { type, isUnlisted } = finder.find(message);
  const expected = textOfString(name, NAME_BYTES + 4);
  const isTooLong = expected.length > NAME_BYTES;
  const characters = isText ? message.length : 0;
  const isGivenUp = isAbandoned || (givesUpSoon && characters > XS_CHARACTERS);
  if (givesUpSoon && steps > XS_STEPS) {
    // If not counted, a method was found before.
    ok(!isUnlisted || type.length === 0, `type of ${what}`);
    return show(type);
  }
  deepEqual([...type], isGivenUp || isTooLong ? [] : expected, `type of ${what}`);
  equal(isUnlisted, isGivenUp || isTooLong, `whether it is counted as unlisted, of ${what}`);
  return show(type);
}

/** As text, as bytes, as a buffer with what the rule says; and what that is. */
function check(text: string, expected: string, what = text): void {
  const bytes = utf8(text);
  equal(show(ruledOf(bytes, true).name), show(utf8(expected)), `the rule of ${what}`);
  checkRule(text, bytes, what);
  checkRule(bufferOf(bytes), bytes, `the bytes of ${what}`);
}

describe("the type of a message", () => {
  it("is looked for in as many steps as the rule has, at the last one too", () => {
    for (const text of [
      '{"a":{\\\\type":"inner","',
      '{"a":[xxxxxxxxx"",""',
      '{"a":[xxxxxxxxxx"",""',
      '{"a":["","","",""',
    ])
      check(text, "");
  });

  it("is the JSON type, else the method", () => {
    check('{"type":"getStatus"}', "getStatus");
    check('{"method":"getStatus"}', "getStatus");
    check('{"method":"m","type":"t"}', "t");
    check('{"type":"t","method":"m"}', "t");
    check(' \t\r\n{ "id" : 1 , "type" : "t" } ', "t");
    check('{"jsonrpc":"2.0","id":1,"method":"m"}', "m");
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
    check('{"type":"get\\u0053tatus\\/\\u00E9"}', "getStatus/é");
    check('{"type":"\\n\\"\\\\"}', '\n"\\');
    check('{"type":"\\u12"}', "", "a type that is no JSON");
    check('{"type":"a\\', "", "an end behind a backslash");
    check('{"type":"a\\"', "", "an end behind an escaped quote");
    const { type } = finder.find('{"type":"\\ud83d\\ude00"}');
    deepEqual([...type], [0xf0, 0x9f, 0x98, 0x80], "a pair of surrogates");
  });

  it("may have characters of any kind", () => {
    check('{"type":"é€😀"}', "é€😀");
    check('{"é€😀":"é€😀","type":"t"}', "t");
    check('{"type":"100%25"}', "100%25");
  });

  it('is "" of bytes that are no UTF-8', () => {
    for (const wrong of [[0xff], [0xc3], [0xff, 0x80], [0x80]]) {
      const bytes = [...utf8('{"a":"'), ...wrong, ...utf8('","type":"t"}')];
      equal(checkRule(bufferOf(bytes), bytes, "bytes that are no UTF-8"), "", "type");
    }
    equal(checkRule(bufferOf([0, 255, 0x7b, 0x22]), [0, 255, 0x7b, 0x22], "binary"), "", "type");
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
    for (const value of [undefined, null, 5, {}, [], new Int16Array(4), () => 1, { toString: () => '{"type":"t"}' }]) {
      const { type, isUnlisted } = finder.find(value as never);
      equal(type.length + Number(isUnlisted), 0, `type of ${typeof value}`);
    }
  });

  it("is looked for in the first 512 characters, or bytes; what is given up then is counted", () => {
    const at = (length: number) => `{"a":"${"x".repeat(length - 22)}","type":"last"}`;
    check(at(513), "last", "a type whose quote is the last that is looked at");
    for (let length = 514; length < 530; length++) check(at(length), "", `a type that ends at ${length}`);
    for (const [text, expected] of [
      [`{"method":"m","a":"${"x".repeat(3_000)}","type":"t"}`, "m"],
      [`{"type":"${"x".repeat(3_000)}"}`, ""],
      [`{"type":"${"é".repeat(480)}"}`, "é".repeat(480)],
      [`{"${"type".repeat(900)}":"t"}`, ""],
      ["[".repeat(3_000), ""],
      ['{"a":'.repeat(700), ""],
      [`{${" ".repeat(3_000)}"type":"t"}`, ""],
      [`{${"é".repeat(600)}"type":"t"}`, ""],
      [`{"a":"${"é".repeat(400)}","type":"t"}`, "t"],
      [`{"a":"${"\\".repeat(400)}","type":"t"}`, "t"],
      [`{${'"":0,'.repeat(39)}"type":"t"}`, "t"],
      [`{${'"":0,'.repeat(40)}"type":"t"}`, ""],
      [`{"method":"m",${'"":0,'.repeat(40)}"type":"t"}`, "m"],
    ] as const) {
      const bytes = utf8(text);
      checkRule(text, bytes, text.slice(0, 30));
      checkRule(bufferOf(bytes), bytes, `the bytes of ${text.slice(0, 30)}`);
      equal(show(ruledOf(bytes, true).name), show(utf8(expected)), `the rule of ${text.slice(0, 30)}`);
    }
  });

  it("of a megabyte is found at its beginning, or given up and counted, as text and as bytes", () => {
    const text = `{"type":"t","a":"${"x".repeat(1_000_000)}"}`;
    const asText = finder.find(text);
    deepEqual([show(asText.type), asText.isUnlisted], givesUpSoon ? ["", true] : ["t", false], "text");
    const bytes = new Uint8Array(1_000_000).fill(0x78);
    for (let at = 0; at < 100; at++) bytes[at] = text.charCodeAt(at);
    deepEqual(finder.find(bytes.buffer), { type: [0x74], isUnlisted: false }, "bytes");
    const nested = finder.find(`{"a":${"[".repeat(1_000_000)}`);
    deepEqual(nested, { type: [], isUnlisted: true }, "brackets");
  });

  it("is the same behind privacy, and with payloads", () => {
    const ways = [
      typeFinder({ privacy: privacy({ payloads: { "msg.recv": "omit" } }) }),
      typeFinder({ privacy: privacy({ payloads: { "msg.recv": "omit" } }) }, true),
      typeFinder({}, true),
    ];
    for (const text of [
      '{"type":"a"}',
      '{"id":1,"type":"b"}',
      "none",
      '{"type":"a"}',
      `{"type":"${"x".repeat(65)}"}`,
    ]) {
      const expected = finder.find(text);
      for (const [index, way] of ways.entries()) deepEqual(way.find(text), expected, `${text}, way ${index}`);
    }
  });

  it("has the token of telemetry.messageType() of the same name, and of types in turn each its own", () => {
    const telemetry = new Telemetry({ capacityBytes: 4096, messageTypes: 12, clock: { now: () => 5 } });
    const known = telemetry.messageType("known");
    const server = new FakeServer();
    instrument(server, telemetry, {});
    server.callback = () => undefined;
    const connection = server.accept("::1");
    for (let round = 0; round < 3; round++)
      for (let type = 0; type < 11; type++) {
        connection.peerSends('{"type":"known"}');
        connection.peerSends(`{"id":1,"type":"type${type}"}`);
        connection.peerSends(`{"id":1,"type":"type${type}`);
      }
    for (let type = 0; type < 11; type++) equal(telemetry.messageType(`type${type}`), known + 1 + type, `type${type}`);
    equal(telemetry.counters().unlistedTypes, 0, "unlisted");
    connection.peerSends('{"type":"one too many"}');
    connection.peerSends('{"type":"one too many"}');
    equal(telemetry.counters().unlistedTypes, 2, "unlisted");
  });

  it("is what the rule says, and JSON.parse, of random objects", () => {
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
    for (const turn of campaign("messages whose type is looked for", 10_000, 600)) {
      const message = object(0);
      // Chance alone leaves few a type: every other one is given it, last, as JavaScript keeps a key where it was first put.
      if (turn % 2 === 0) message[pick(["type", "method"])] = `t${pick(words)}`;
      let text = JSON.stringify(message, undefined, pick([0, 0, 1]));
      if (below(3) === 0)
        text = text.replace(/[tm](?=[a-z]+":)/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
      if (text.length > 250) continue; // some are more than twice as many bytes
      const expected =
        typeof message.type === "string" ? message.type : typeof message.method === "string" ? message.method : "";
      if (expected !== "") found++;
      check(text, expected, `${text}, seed ${seed}`);
    }
    ok(found > rounds(2_000, 100), `${found} types among them`);
  });

  it("is what the rule says of mutated messages, of any bytes", () => {
    const seed = seedFor(2);
    const { below, pick } = random(seed);
    const messages = [
      '{"type":"ping","a":1}',
      ' {\n "id" : 17 , "method" : "m" , "type" : "t\\u00e9" }',
      '{"a":{"type":"inner","b":["x",{"c":"\\"}"}]},"type":"outer"}',
      '{"jsonrpc":"2.0","id":1,"method":"get\\/it","params":["\\\\",{}]}',
      `{"a":"${"é".repeat(20)}","\\u0074ype":"x"}`,
    ].map(utf8);
    const pieces = [
      '"',
      "\\",
      '\\"',
      "\\\\",
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      " ",
      "u",
      "\\u",
      "type",
      '"type":"',
      "\n",
    ].map(utf8);
    const odd = [[0x80], [0xff], [0xe2, 0x82], [0xf0, 0x9f, 0x98, 0x80], [0xed, 0xa0, 0x80], [0xe9]];
    for (const turn of campaign("mutated messages through an adapter, compared with the rule", 40_000, 1_500)) {
      let bytes = [...pick(messages)];
      for (let count = 1 + below(4); count > 0; count--) {
        const at = below(bytes.length + 1);
        const kind = below(6);
        if (kind === 0) bytes.splice(at, 1 + below(3));
        else if (kind === 1) bytes.splice(at, 0, ...new Array<number>(below(560)).fill(pick([0x78, 0x5b, 0x20, 0x5c])));
        else if (kind === 2) bytes = bytes.slice(0, at);
        else if (kind === 3 && below(3) === 0) bytes.splice(at, 0, ...pick(odd));
        else bytes.splice(at, below(2), ...pick(pieces));
      }
      const what = `${toHex(Uint8Array.from(bytes))}, seed ${seed}, turn ${turn}`;
      // Node's decoder takes no half of a surrogate pair.
      if (stringOf || !bytes.includes(0xed)) checkRule(bufferOf(bytes), bytes, `the bytes of ${what}`);
      // A string of XS may be of any bytes; without natives XS's own methods do not read all of them alike.
      if (takesAll) checkRule(stringOf!(bufferOf(bytes)), bytes, what);
      else if (bytes.every((byte) => byte < 0x80)) checkRule(show(bytes), bytes, what);
    }
  });
});
