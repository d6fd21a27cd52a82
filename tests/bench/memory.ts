import { readFileSync } from "node:fs";
import type { Dormouse } from "../support/dormouse.ts";
import { atMost, type Figure } from "./figure.ts";
import { round } from "./stats.ts";

export interface Memory {
  readonly rssMiB: number;
  /** Pages that both processes share count half in each. */
  readonly pssMiB: number;
}

/** What server and engine hold together. Source: /proc/<pid>/smaps_rollup, in kB. */
export function memoryOf({ pids }: Dormouse): Memory {
  const rollups = [pids.engine(), pids.server()].map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  const sumMiB = (field: string): number =>
    rollups.reduce((sum, rollup) => sum + Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(rollup)?.[1]) / 1024, 0);
  return { rssMiB: sumMiB("Rss"), pssMiB: sumMiB("Pss") };
}

/** `idle` is taken before any sandbox was made, `after` at the end of the run. */
export function memoryFigures(idle: Memory, after: Memory): Figure[] {
  return [
    {
      key: "idle_rss_mib",
      value: round(idle.rssMiB),
      title: "idle server + engine",
      text: `${round(idle.rssMiB)} MiB RSS (${round(idle.pssMiB)} MiB PSS)`,
      targets: [atMost(idle.rssMiB, 120, "≤ 120 MiB RSS")],
    },
    {
      key: "after_rss_mib",
      value: round(after.rssMiB),
      title: "the same after all of this",
      text: `${round(after.rssMiB)} MiB RSS (${round(after.pssMiB)} MiB PSS)`,
    },
  ];
}
