/**
 * Runs one ES module on the RV32 machine, with xs-host's exit codes:
 * `node build/rv32/run.mjs [--native FILE.c]... [--module NAME=PATH]... MAIN.js [ARG]...`
 */
import { rv32Machine } from "./setup.mjs";

const usage = "usage: node build/rv32/run.mjs [--native FILE.c]... [--module NAME=PATH]... MAIN.js [ARG]...";

/** Returns what the command line says, undefined if it says nothing that can be done. */
function parse(rest) {
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
  return main && { natives, modules, main, args };
}

try {
  const parsed = parse(process.argv.slice(2));
  if (!parsed) throw new Error(usage);
  const machine = await rv32Machine(parsed);
  const { status, stdout, stderr } = await machine.run(parsed);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
