import { chmodSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { INSTALL_DIR } from "../support/dormouse.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { median, round, summarize, timeMs } from "./stats.ts";

const BATCHES = 4;
const WARM_UP_ROUNDS = 3;

interface Rounds {
  /** Create to first exec result. */
  readonly allMs: number[];
  readonly createMs: number[];
  readonly deleteMs: number[];
}

/** Create to first `exec` result, one after the other and without a warm pool; floors in between, under the same noise. */
export async function benchCreate(context: BenchContext): Promise<Figure[]> {
  const roundsPerBatch = context.isQuick ? 3 : 10;
  await createRounds(context, WARM_UP_ROUNDS);
  const batches: Rounds[] = [];
  const floors: FloorRound[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    batches.push(await createRounds(context, roundsPerBatch));
    floors.push(...(await measureFloor(context, roundsPerBatch)));
  }
  const all = summarize(batches.flatMap((rounds) => rounds.allMs));
  const created = summarize(batches.flatMap((rounds) => rounds.createMs));
  const deleted = summarize(batches.flatMap((rounds) => rounds.deleteMs));
  const crunMs = median(floors.map((floor) => floor.crunMs));
  const agentMs = median(floors.map((floor) => floor.agentMs));
  const floorMs = crunMs + agentMs;
  const ratio = all.p50 / floorMs;
  return [
    {
      key: "create_cold_ms",
      value: withFloor(all, floorMs),
      title: "create → first exec, cold",
      text: `${summaryText(all)} (the create call alone: ${ms(created.p50)})`,
      beside: `floor ${ms(floorMs)} (crun ${ms(crunMs)} + agent ${ms(agentMs)}), ratio ${round(ratio)}×`,
      targets: [
        atMost(all.p50, 45, "p50 ≤ 45 ms"),
        atMost(all.p99, 150, "p99 ≤ 150 ms"),
        atMost(ratio, 2, "≤ 2× floor"),
      ],
    },
    {
      key: "delete_ms",
      value: { p50: round(deleted.p50), p99: round(deleted.p99) },
      title: "delete",
      text: summaryText(deleted),
    },
  ];
}

async function createRounds({ api }: BenchContext, count: number): Promise<Rounds> {
  const rounds: Rounds = { allMs: [], createMs: [], deleteMs: [] };
  for (let index = 0; index < count; index++) {
    const startedAtMs = performance.now();
    const sandbox = await api.create(`create-${index}`);
    rounds.createMs.push(performance.now() - startedAtMs);
    await sandbox.exec("true");
    rounds.allMs.push(performance.now() - startedAtMs);
    rounds.deleteMs.push(await timeMs(() => sandbox.remove()));
  }
  return rounds;
}

interface FloorRound {
  readonly crunMs: number;
  readonly agentMs: number;
}

/** What no create can be faster than: starting an empty container, and starting the agent. */
async function measureFloor({ dormouse }: BenchContext, count: number): Promise<FloorRound[]> {
  const dir = mkdtempSync(join(dormouse.dataDir, "floor-"));
  // Root inside, who is nobody outside, must reach it.
  chmodSync(dir, 0o755);
  for (const folder of ["usr", "proc", "dev"]) mkdirSync(join(dir, "rootfs", folder), { recursive: true });
  for (const link of ["bin", "lib", "lib64"]) symlinkSync(`usr/${link}`, join(dir, "rootfs", link));
  const main = join(import.meta.dir, "create-floor.ts");
  const command = ["unshare", "--mount", "--propagation=private", "--", process.execPath, main];
  const child = Bun.spawn([...command, dir, join(INSTALL_DIR, "dist/sandbox-api"), String(count)], { stdout: "pipe" });
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error("Cannot measure the floor of create: its process failed");
  return JSON.parse(output) as FloorRound[];
}
