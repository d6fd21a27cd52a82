import { readFileSync } from "node:fs";
import type { EngineSandboxMemory } from "@dormouse/schema";
import { readOrEmpty } from "../read-or-empty.ts";

/** What processes hold together; one that has ended meanwhile counts nothing. Source: /proc/<pid>/smaps_rollup, in kB. */
export function memoryOf(pids: readonly number[]): Pick<EngineSandboxMemory, "residentBytes" | "swappedBytes"> {
  const rollups = pids.map((pid) => readOrEmpty(`/proc/${pid}/smaps_rollup`));
  const sumBytes = (field: string): number => rollups.reduce((sum, rollup) => sum + fieldBytes(rollup, field), 0);
  return { residentBytes: sumBytes("Pss"), swappedBytes: sumBytes("SwapPss") };
}

/** Free room in the machine's swap; 0 where there is none. */
export const freeSwapBytes = (): number => fieldBytes(readFileSync("/proc/meminfo", "utf8"), "SwapFree");

/** Of a file with a field a line, in kB. */
const fieldBytes = (text: string, field: string): number =>
  1024 * Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0);
