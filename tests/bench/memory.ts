import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Dormouse } from "../support/dormouse.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure } from "./figure.ts";
import { round } from "./stats.ts";

const IDLE_MS = 2000;

/** What a Dormouse without sandboxes holds: right after its start, and when it has been idle for a while. */
export async function benchMemory({ dormouse }: BenchContext): Promise<Figure[]> {
  const started = memoryOf(dormouse);
  await delay(IDLE_MS);
  const idle = memoryOf(dormouse);
  return [
    {
      key: "idle_rss_mib",
      value: round(started.rssMiB),
      title: "idle server + engine",
      text: `${text(started)}, ${IDLE_MS / 1000} s later ${text(idle)}`,
      targets: [atMost(started.rssMiB, 120, "≤ 120 MiB RSS")],
    },
  ];
}

/** The same at the end of a run. */
export function memoryAfter(dormouse: Dormouse): Figure {
  const after = memoryOf(dormouse);
  return {
    key: "after_rss_mib",
    value: round(after.rssMiB),
    title: "server + engine after all this",
    text: text(after),
  };
}

interface Memory {
  readonly rssMiB: number;
  /** Pages that both processes share count half in each. */
  readonly pssMiB: number;
}

const text = ({ rssMiB, pssMiB }: Memory): string => `${round(rssMiB)} MiB RSS (${round(pssMiB)} MiB PSS)`;

/** What both processes hold together. Source: /proc/<pid>/smaps_rollup, in kB. */
function memoryOf({ pids }: Dormouse): Memory {
  const rollups = [pids.engine(), pids.server()].map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  const sumMiB = (field: string): number =>
    rollups.reduce((sum, rollup) => sum + Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(rollup)?.[1]) / 1024, 0);
  return { rssMiB: sumMiB("Rss"), pssMiB: sumMiB("Pss") };
}
