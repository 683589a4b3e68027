// What must come back after a reset at any instruction, and what must not be believed: the shipped C without XS, on an emulated RV32 that is
// reset by its own timer, and under AddressSanitizer over memory with arbitrary content.
import { deepEqual, equal, ok } from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";
import { registry, StreamDecoder } from "xs-telemetry/host";
import { isFull, ran, rounds, seedFor } from "../support/campaign.ts";

const FOLDER = "dist/test-retained";
const RETAINED_BYTES = 8192;
const FLAGS = ["-std=gnu17", "-Wall", "-Wextra", "-Werror", "-Itest/retained/bare", `-I${FOLDER}`, "-Itest/retained"];
const RV32 =
  "-march=rv32imac -mabi=ilp32 --specs=picolibc.specs --oslib=semihost --crt0=semihost -Os -fno-inline-functions -fno-jump-tables -falign-functions=4 " +
  "-Wl,--defsym=__flash=0x80000000,--defsym=__flash_size=0x400000 -Wl,--defsym=__ram=0x80400000,--defsym=__ram_size=0xFC00000,--defsym=__stack_size=0x100000";
const QEMU =
  "-M virt -m 256M -cpu rv32 -bios none -icount shift=0,sleep=off -display none -serial none -monitor none -semihosting-config";

/** The full campaign takes each instruction of these, the usual one 1 in EVERY of a few. */
const SCENARIOS = rounds(60, 24);
const EVERY = isFull ? 1 : 61;
/** How many run at a time: each in its own process. */
const BATCH = 12;
const IMAGES = rounds(100_000, 10_000);

interface Told {
  points: number;
  distinct: number;
  instructions: number;
  again: number;
  frozen: number;
}

async function compile(compiler: string, flags: readonly string[], main: string, out: string): Promise<void> {
  const { retainedNatives } = await import(`${process.cwd()}/build/natives.mjs`);
  const files = (retainedNatives(RETAINED_BYTES, FOLDER) as string[]).filter((file) =>
    /telemetry(Ring|Reader|Tokens|Text|Retained|Checks)\.c$/.test(file),
  );
  equal(files.length, 6);
  const sources = [...files, "test/retained/device.c", main];
  await promisify(execFile)(compiler, [...flags, ...FLAGS, ...sources, "-o", out]);
}

describe("a retained ring, by itself", () => {
  it("has all that was committed after a reset at any instruction, nothing else, and exact counts", async function () {
    this.timeout(isFull ? 3_600_000 : 300_000);
    const { ensure } = await import(`${process.cwd()}/build/machine.mjs`);
    ensure("riscv64-unknown-elf-gcc", "picolibc", "qemu-system-riscv32");
    const elf = `${FOLDER}/resets.elf`;
    await compile("riscv64-unknown-elf-gcc", RV32.split(" "), "test/retained/resets.c", elf);
    const sum = { points: 0, distinct: 0, instructions: 0, again: 0, frozen: 0 };
    for (let first = 0; first < SCENARIOS; first += BATCH) {
      const numbers = [first, Math.min(first + BATCH, SCENARIOS), EVERY, seedFor(first) % EVERY];
      const args = `enable=on,target=native,${numbers.map((number) => `arg=${number}`).join()}`;
      const { stdout, stderr } = await promisify(execFile)("qemu-system-riscv32", [
        ...QEMU.split(" "),
        args,
        "-kernel",
        elf,
      ]).catch((error) => error);
      const line = /\{.*\}/.exec(stdout + stderr)?.[0];
      ok(line !== undefined, `scenarios ${numbers.join(" ")}: ${stdout}${stderr}`);
      const told: Told = JSON.parse(line);
      for (const key of ["points", "distinct", "instructions", "again", "frozen"] as const) sum[key] += told[key];
    }
    ok(sum.again > 0, "packets came again");
    ok(sum.frozen > 0, "boots began in a frozen ring");
    // At least a tenth of the executed instructions belongs to the device, not to the checker.
    ok(
      sum.distinct * EVERY * 10 > sum.instructions,
      `${sum.distinct} instructions of ${sum.instructions}, one in ${EVERY}`,
    );
    if (isFull) ok(sum.distinct >= 1_000_000, `${sum.distinct} points`);
    ran("resets of a retained ring, each at another instruction", sum.distinct);
  });

  it("boots on memory that holds anything: no crash, and only packets that are right come out", async function () {
    this.timeout(600_000);
    const program = `${FOLDER}/images`;
    const sanitize = [
      "-O1",
      "-g",
      "-fsanitize=address,undefined",
      "-fno-sanitize-recover=all",
      "-fno-omit-frame-pointer",
    ];
    await compile("gcc", sanitize, "test/retained/images.c", program);
    let kept = 0;
    for (let first = 0; first < IMAGES; first += 5000) {
      const args = [`${Math.min(5000, IMAGES - first)}`, `${seedFor(first)}`];
      const env = { ...process.env, ASAN_OPTIONS: "detect_leaks=0" };
      const { status, stdout, stderr } = spawnSync(program, args, { maxBuffer: 1 << 30, env });
      equal(status, 0, `${args.join(" ")}: ${stderr}`);
      kept += Number(stderr);
      let packets: Buffer[] = [];
      let image = 0;
      for (let at = 0; at < stdout.length; ) {
        const bytes = stdout.readUInt32LE(at);
        at += 4;
        if (bytes > 0) packets.push(stdout.subarray(at, at + bytes));
        else {
          deepEqual(faults(packets), [], `image ${image} of ${args.join(" ")}`);
          image++;
          packets = [];
        }
        at += bytes;
      }
      equal(image, Number(args[0]));
    }
    ok(kept > IMAGES / 10, `of ${kept} images something was believed`);
    ran("images of retained memory", IMAGES);
  });
});

/**
 * What a decoder reports of packets, except that earlier ones are missing, and that two boots share an id, so that a packet of the second looks
 * repeated, or like one of another boot: memory with arbitrary content may cause that.
 */
function faults(packets: readonly Buffer[]): string[] {
  const decoder = new StreamDecoder({ registry, output: "lines", isWhole: true });
  const items = [...packets.flatMap((packet) => [...decoder.push(packet)]), ...decoder.end()];
  return items.flatMap((item) =>
    item.kind === "problem" && !["W_LATE", "W_BOOT_ID", "W_REPEATED"].includes(item.problem.code)
      ? [item.problem.message]
      : [],
  );
}
