/** The resources of a process, according to Linux. */
import { readdirSync, readFileSync } from "node:fs";

const SAMPLE_MS = 250;
/** Ticks of the kernel's clock, in which it counts CPU time. */
const TICKS_PER_S = 100;

export interface Use {
  readonly cpuS: number;
  /** Most open files, including sockets. */
  readonly files: number;
  /** Resident memory, MB: after a tenth of the time, and the maximum from there to the end. */
  readonly earlyMegabytes: number;
  readonly mostMegabytes: number;
}

/** Watches a process until it has ended, or `use()` is called. */
export function watch(pid: number): { use(): Use } {
  const megabytes: number[] = [];
  let files = 0;
  let cpuS = 0;
  const sample = () => {
    try {
      const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? Number.NaN);
      if (kilobytes > 0) megabytes.push((kilobytes * 1024) / 1e6);
      files = Math.max(files, readdirSync(`/proc/${pid}/fd`).length);
      const times = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ");
      cpuS = (Number(times[11]) + Number(times[12])) / TICKS_PER_S;
    } catch {
      clearInterval(timer); // it has ended
    }
  };
  const timer = setInterval(sample, SAMPLE_MS);
  sample();
  return {
    use() {
      sample();
      clearInterval(timer);
      const early = Math.floor(megabytes.length / 10);
      return { cpuS, files, earlyMegabytes: megabytes[early] ?? 0, mostMegabytes: Math.max(...megabytes.slice(early)) };
    },
  };
}
