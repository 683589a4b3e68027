/**
 * Runs one ES module on a bare machine, with xs-host's exit codes:
 * `node build/bare/run.mjs rv32|xtensa [--native FILE.c]... [--module NAME=PATH]... MAIN.js [ARG]...`
 */
import { rv32Machine } from "../rv32/setup.mjs";
import { xtensaMachine } from "../xtensa/setup.mjs";

const machines = { rv32: rv32Machine, xtensa: xtensaMachine };
const usage =
  "usage: node build/bare/run.mjs rv32|xtensa [--native FILE.c]... [--module NAME=PATH]... MAIN.js [ARG]...";

/** Returns the parsed command line, undefined if it is invalid. */
function parse([name, ...rest]) {
  const natives = [];
  const modules = {};
  while (rest[0]?.startsWith("-")) {
    const [option, value = ""] = rest.splice(0, 2);
    const equals = value.indexOf("=");
    if (option === "--native" && value) natives.push(value);
    else if (option === "--module" && equals > 0) modules[value.slice(0, equals)] = value.slice(equals + 1);
    else return undefined;
  }
  const [main, ...args] = rest;
  return machines[name] && main && { machineOf: machines[name], natives, modules, main, args };
}

try {
  const parsed = parse(process.argv.slice(2));
  if (!parsed) throw new Error(usage);
  const machine = await parsed.machineOf(parsed);
  const { status, stdout, stderr } = await machine.run(parsed);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
