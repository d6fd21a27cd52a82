import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms, summaryText } from "./figure.ts";
import { round, summarize } from "./stats.ts";

const POOL_SIZE = 4;
export const KEEP_WARM = { DORMOUSE_WARM_POOL: `base-image=${POOL_SIZE}` };

const READY_MS = 500;
const WARM_UP_ROUNDS = 3;

/** Create to first `exec` result, of sandboxes that were kept ready. */
export async function benchCreateWarm({ api, dormouse, isQuick }: BenchContext): Promise<Figure[]> {
  const allMs: number[] = [];
  const createMs: number[] = [];
  const roundCount = WARM_UP_ROUNDS + (isQuick ? 10 : 40);
  for (let index = 0; index < roundCount; index++) {
    await untilFull(dormouse.dataDir);
    const startedAtMs = performance.now();
    const sandbox = await api.create(`warm-${index}`);
    createMs.push(performance.now() - startedAtMs);
    await sandbox.exec("true");
    allMs.push(performance.now() - startedAtMs);
    await sandbox.remove();
  }
  const all = summarize(allMs.slice(WARM_UP_ROUNDS));
  const created = summarize(createMs.slice(WARM_UP_ROUNDS));
  return [
    {
      key: "create_warm_ms",
      value: { p50: round(all.p50), p99: round(all.p99) },
      title: "create → first exec, warm pool",
      text: `${summaryText(all)} (the create call alone: ${ms(created.p50)})`,
      targets: [atMost(all.p50, 8, "p50 ≤ 8 ms")],
    },
  ];
}

/** The last one that is made to fill the pool has a folder before it is ready, and is given the time. */
async function untilFull(dataDir: string): Promise<void> {
  while (readdirSync(join(dataDir, "sandboxes")).length < POOL_SIZE) await Bun.sleep(5);
  await Bun.sleep(READY_MS);
}
