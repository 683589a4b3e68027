/** What clients of a server send while it is measured: each scene is a row of the event `server`. */

export interface Scene {
  readonly name: string;
  /** In turn. Each is answered by itself, unless the scene has an answer. */
  readonly messages: readonly string[];
  readonly answer?: string;
  /** Of each message, if its length in Node differs: a character beyond U+FFFF is one on XS. */
  readonly characters?: number;
  /** The type that the adapter finds in each message, in their order; not looked for if one token is used for all. */
  readonly types: readonly string[];
  readonly isToken?: true;
  /** Whether they are recorded as payloads. */
  readonly payloads?: true;
  /** Nobody would send it except to cost the server time. */
  readonly hostile?: true;
}

const FOUR_TYPES: readonly string[] = ["ping", "join", "move", "quit"];
const ID = "9f1c2d3e4b5a69788796a5b4c";

const hostile = (name: string, message: string, type = ""): Scene => ({
  name,
  messages: [message],
  types: [type],
  hostile: true,
});

export const SCENES: readonly Scene[] = Object.freeze([
  { name: "one-token", messages: ['{"type":"getStatus"}'], types: ["getStatus"], isToken: true },
  { name: "same-type", messages: ['{"type":"getStatus"}'], types: ["getStatus"] },
  { name: "four-types", messages: FOUR_TYPES.map((type) => `{"type":"${type}","a":1}`), types: FOUR_TYPES },
  {
    name: "four-types-behind-id",
    messages: FOUR_TYPES.map((type) => `{"id":"${ID}","type":"${type}","a":1}`),
    types: FOUR_TYPES,
  },
  { name: "type-behind-480", messages: [`{"a":"${"x".repeat(472)}","type":"ping"}`], types: ["ping"] },
  { name: "no-type-540", messages: [`{"a":"${"x".repeat(532)}"}`], types: [""] },
  { name: "payload-20", messages: ['{"type":"getStatus"}'], types: ["getStatus"], payloads: true },
  hostile("brackets", `{"a":${"[".repeat(600)}`),
  hostile("escapes", `{"a":"${'\\"'.repeat(300)}`),
  hostile("no-quotes", `{${" ".repeat(600)}`),
  hostile("members", `{${'"":"",'.repeat(100)}`),
  hostile("spaced-members", `{${'"":"" , '.repeat(70)}`),
  { ...hostile("four-bytes", `{"a":"${"😀".repeat(520)}`), characters: 526 },
  hostile("escaped-keys", `{${'"\\u0074\\u0079\\u0070\\u0066":0,'.repeat(20)}`),
  hostile("escaped-type", `{"type":"${"\\u0061".repeat(100)}"}`),
  hostile("long-type", `{"type":"${"x".repeat(480)}"}`),
  { ...hostile("megabyte", `{"a":${"[".repeat(1_000_000)}`), answer: "no" },
]);

/** Characters of each message that are read or kept: 0 if one token is used for all. */
export function charactersOf({ messages, isToken, characters }: Scene): number {
  return isToken ? 0 : (characters ?? messages[0]!.length);
}
