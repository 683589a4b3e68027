// What builds and tests need of the machine besides npm's packages: installed if possible, else reported with the command to type.
import { spawnSync } from "node:child_process";

/** The specs of Debian's C library for Xtensa; that compiler finds them only by this path. */
export const XTENSA_PICOLIBC = "/usr/lib/xtensa-lx106-elf/picolibc.specs";

const INCLUDES_STDIO = "#include <stdio.h>\n";

/**
 * By what is needed: the Debian packages that bring it, and a command that works only if it is there. All that builds and tests
 * assume of a machine stands here: Debian's packages, under the names they have on x86-64, which is tested, and on arm64, which
 * is not. Nothing asks for a kernel that runs 32-bit programs: the engine of 32 bits is emulated on any machine.
 */
const NEEDS = {
  gcc: { packages: ["gcc", "libc6-dev"], probe: ["gcc", "--version"] },
  make: { packages: ["make"], probe: ["make", "--version"] },
  "riscv64-unknown-elf-gcc": {
    packages: ["gcc-riscv64-unknown-elf"],
    probe: ["riscv64-unknown-elf-gcc", "--version"],
  },
  picolibc: {
    packages: ["picolibc-riscv64-unknown-elf"],
    probe: ["riscv64-unknown-elf-gcc", "--specs=picolibc.specs", "-E", "-x", "c", "-"],
    input: INCLUDES_STDIO,
  },
  "qemu-system-riscv32": { packages: ["qemu-system-misc"], probe: ["qemu-system-riscv32", "--version"] },
  "xtensa-lx106-elf-gcc": { packages: ["gcc-xtensa-lx106"], probe: ["xtensa-lx106-elf-gcc", "--version"] },
  "picolibc of xtensa": {
    packages: ["picolibc-xtensa-lx106-elf"],
    probe: ["xtensa-lx106-elf-gcc", `--specs=${XTENSA_PICOLIBC}`, "-E", "-x", "c", "-"],
    input: INCLUDES_STDIO,
  },
  "qemu-system-xtensa": { packages: ["qemu-system-misc"], probe: ["qemu-system-xtensa", "--version"] },
  python3: { packages: ["python3"], probe: ["python3", "--version"] },
  socat: { packages: ["socat"], probe: ["socat", "-V"] },
  mosquitto: { packages: ["mosquitto"], probe: ["sh", "-c", "mosquitto -h; command -v mosquitto mosquitto_passwd"] },
  openssl: { packages: ["openssl"], probe: ["openssl", "version"] },
  chromium: { packages: ["chromium"], probe: ["chromium", "--version"] },
  "firefox-esr": { packages: ["firefox-esr"], probe: ["firefox-esr", "--version"] },
  protoc: { packages: ["protobuf-compiler"], probe: ["protoc", "--version"] },
  "opentelemetry-proto": {
    packages: ["opentelemetry-proto"],
    probe: ["grep", "-q", "event_name", "/usr/include/opentelemetry/proto/logs/v1/logs.proto"],
  },
  babeltrace2: { packages: ["babeltrace2"], probe: ["babeltrace2", "--version"] },
};

/**
 * Adds the distribution's backports, from the source of its other packages, if only they have a package. Nothing else is taken from them.
 */
const addBackports = (name) =>
  `(apt-cache show ${name} >/dev/null 2>&1 || (. /etc/os-release && apt-get indextargets --format "deb ` +
  `[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \\$(REPO_URI) $VERSION_CODENAME-backports main" ` +
  `"Codename: $VERSION_CODENAME" "Created-By: Packages" | head -n 1 >/etc/apt/sources.list.d/backports.list && apt-get update))`;

const works = ([command, ...args], input = "") =>
  spawnSync(command, args, { input, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
const missing = (needs) => needs.filter((need) => !works(NEEDS[need].probe, NEEDS[need].input));

/** Its code is "E_UNAVAILABLE": the machine lacks something; what was to be built or measured is not at fault. */
export class Unavailable extends Error {
  code = "E_UNAVAILABLE";
}

/**
 * Makes sure that all of these are available, with one installation if possible. Throws an Error of code E_UNAVAILABLE with the command to
 * type.
 */
export function ensure(...needs) {
  const lacking = missing(needs);
  if (lacking.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  const packages = lacking.flatMap((need) => NEEDS[need].packages);
  const backports = packages
    .filter((name) => name === "opentelemetry-proto")
    .map((name) => `${addBackports(name)} && `);
  const line = `apt-get update && ${backports.join("")}apt-get install -y ${packages.join(" ")}`;
  if (isRoot && works(["apt-get", "--version"])) {
    console.error(`installing ${lacking.join(", ")}: ${line}`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    spawnSync("sh", ["-c", `(${line}) >&2`], { stdio: ["ignore", "inherit", "inherit"], env });
  }
  const left = missing(lacking);
  if (left.length === 0) return;
  const typed = isRoot ? line : `sudo sh -c '${line}'`;
  throw new Unavailable(`missing: ${left.join(", ")}. Type this and try again: ${typed}`);
}

/** ensure() for a command: prints the command to type, and exits with code 2. */
export function ensureOrExit(...needs) {
  try {
    ensure(...needs);
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}
