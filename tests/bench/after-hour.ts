import { writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { noSwapReason, useSwap } from "@dormouse/engine/testkit";
import type { BenchContext } from "./context.ts";
import { answerMs, engineOf, IDLE_SERVER, serve, untilPagedOut } from "./deep-sleep.ts";
import { atMost, type Figure, ms } from "./figure.ts";
import { median, round } from "./stats.ts";

const LOOK_AGAIN_MS = 20;
/** Between falling asleep and page-out there is time for a fresh wake. */
export const PAGE_OUT_AFTER_A_WHILE = { DORMOUSE_PAGE_OUT_AFTER_MS: "1500" };

/** A wake of one that slept for an hour against one that has just fallen asleep. The hour is what it does: memory and caches gone. */
export async function benchAfterHour(context: BenchContext): Promise<Figure[]> {
  const reason = noSwapReason();
  if (reason !== undefined) {
    console.log(`a wake after an hour: not measured, as ${reason}`);
    return [];
  }
  const swap = await useSwap();
  try {
    return [await compareWakes(context)];
  } finally {
    await swap[Symbol.asyncDispose]();
  }
}

async function compareWakes(context: BenchContext): Promise<Figure> {
  const { api, isQuick } = context;
  const engine = engineOf(context);
  await using sandbox = await api.create("hour");
  await serve(sandbox, IDLE_SERVER);
  const fresh: number[] = [];
  const later: number[] = [];
  for (let turn = 0; turn < (isQuick ? 4 : 20); turn++) {
    while ((await api.state(sandbox.name)) !== "STANDBY") await delay(LOOK_AGAIN_MS);
    fresh.push(await answerMs(api, sandbox));
    await untilPagedOut(engine);
    dropCaches();
    later.push(await answerMs(api, sandbox));
  }
  // The first one asks for memory that no page-out has seen before.
  const [freshMs, laterMs] = [median(fresh.slice(1)), median(later.slice(1))];
  return {
    key: "wake_after_hour_ratio",
    value: round(laterMs / freshMs),
    title: "wake after an hour, simulated",
    text: `${round(laterMs / freshMs)}× a fresh one: p50 ${ms(laterMs)}; the very first ${ms(later[0] ?? Number.NaN)}`,
    beside: `${ms(freshMs)} just asleep`,
    targets: [atMost(laterMs, 5, "p50 ≤ 5 ms")],
  };
}

/** Clean pages of files that nobody has mapped, of the whole machine; see proc_sys_vm(5). */
const dropCaches = (): void => writeFileSync("/proc/sys/vm/drop_caches", "1");
