// The native emitter for XS's test hosts: they run XS 13.3, which knows natives only by its own spelling.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const filesOf = (folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(folder, name));

/** The C files of the emitter, for xsHost() and rv32Machine(). */
export const nativeFiles = filesOf("src/moddable/native");

/** Those that the other modules also need: frames, and the length of a text. */
export const otherNativeFiles = ["src/moddable/frame", "src/moddable/privacy"].flatMap(filesOf);

const CONSTRUCTOR =
  /constructor\(([^)]*)\) \{\s*super\(\);\s*native\("(\w+)"\)\.call\(\s*this((?:,\s*\w+)*)\s*\);\s*\}/g;
const METHOD = /(\w+)\(([^)]*)\) \{\s*(?:return )?native\("(\w+)"\)\.call\(\s*this((?:,\s*\w+)*)\s*\);\s*\}/g;

/**
 * Converts JavaScript with natives in the form of Moddable's compiler into the spelling of XS 13.3. What that compiler would not bind (a
 * method with another parameter list, or a second statement) is an error here: on the device it would be slow.
 */
export function spellNatives(code) {
  const bound = (name, declared, native, passed) => {
    if (declared.replace(/\s/g, "") !== passed.slice(1).replace(/\s/g, ""))
      throw new Error(
        `${name}(${declared}) passes${passed || " nothing"} to ${native}: the compiler binds only the same parameters`,
      );
    return `${name}(${declared}) @ "${native}";`;
  };
  const spelled = code
    .replace(/ extends Native\("(\w+)"\) \{/g, ' @ "$1" {')
    .replace(CONSTRUCTOR, (_, declared, native, passed) => bound("constructor", declared, native, passed))
    .replace(METHOD, (_, name, declared, native, passed) => bound(name, declared, native, passed));
  const left = /.*\b[Nn]ative\(".*/.exec(spelled);
  if (left) throw new Error(`the compiler does not bind this native: ${left[0].trim()}`);
  return spelled;
}

/** Writes `file` respelled into dist/xs/, in one step: other processes may be reading it. Returns the new path. */
export function respell(file, to = join("dist/xs", file.replace(/^dist\//, ""))) {
  mkdirSync(dirname(to), { recursive: true });
  const unfinished = `${to}.${process.pid}`;
  writeFileSync(unfinished, spellNatives(readFileSync(file, "utf8")));
  renameSync(unfinished, to);
  return to;
}

/** The shipped native module in the form of the test hosts, and the C files it needs. */
export async function nativeModule() {
  return { module: respell("dist/moddable/native/xs-telemetry.js"), natives: nativeFiles };
}

/**
 * The emitter's C files as in manifests/retained.json, with this many bytes of memory that outlives a reset: copies, with the header that
 * Moddable's tools write beside them. A test's reset is within one run of a program: any memory outlives that. `more`: lines of that
 * header.
 */
export function retainedNatives(
  bytes,
  to = "dist/xs/retained",
  more = '#define MODDEF_TELEMETRY_SECTION ".bss.retained"\n',
) {
  const files = [];
  for (const [folder, name] of [
    ["src/moddable/native", "native"],
    ["src/moddable/retained", "retained"],
  ]) {
    mkdirSync(join(to, name), { recursive: true });
    for (const file of readdirSync(folder)) {
      const copy = join(to, name, file);
      const unfinished = `${copy}.${process.pid}`;
      copyFileSync(join(folder, file), unfinished);
      renameSync(unfinished, copy);
      if (file.endsWith(".c")) files.push(copy);
    }
    const header = join(to, name, "mc.defines.h");
    writeFileSync(`${header}.${process.pid}`, `#define MODDEF_TELEMETRY_RETAINED ${bytes}\n${more}`);
    renameSync(`${header}.${process.pid}`, header);
  }
  return files;
}
