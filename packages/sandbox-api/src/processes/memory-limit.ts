import { readFileSync } from "node:fs";

const CGROUP_LIMIT_PATHS = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/** Memory this system may use, by its control group or else by its machine; null when nothing says so. */
export function readMemoryLimitBytes(): number | null {
  const machineKiB = Number(/^MemTotal: +(\d+) kB/m.exec(readOrEmpty("/proc/meminfo"))?.[1] ?? Number.NaN);
  const limits = CGROUP_LIMIT_PATHS.map((path) => Number.parseInt(readOrEmpty(path), 10));
  const known = [machineKiB * 1024, ...limits].filter((bytes) => bytes > 0);
  return known.length === 0 ? null : Math.min(...known);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
