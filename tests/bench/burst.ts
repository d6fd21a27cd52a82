import type { Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms } from "./figure.ts";
import { round, timeMs } from "./stats.ts";

const COUNT = 100;

/** A hundred creates at once, each with its first exec, all answered. */
export async function benchBurst({ api }: BenchContext): Promise<Figure[]> {
  const sandboxes: Sandbox[] = [];
  const errors: string[] = [];
  const start = async (index: number): Promise<void> => {
    const sandbox = await api.create(`burst-${index}`);
    sandboxes.push(sandbox);
    await sandbox.exec("true");
  };
  const starts = Array.from({ length: COUNT }, (_, index) => index);
  const wallMs = await timeMs(() =>
    Promise.all(starts.map((index) => start(index).catch((error: unknown) => errors.push(String(error))))),
  );
  for (const error of new Set(errors)) console.error(`burst: ${error}`);
  const deleteWallMs = await timeMs(() => Promise.all(sandboxes.map((sandbox) => sandbox.remove())));
  return [
    {
      key: "burst_100",
      value: { wall_ms: round(wallMs), failures: errors.length },
      title: `${COUNT} creates at once, with exec`,
      text: `${ms(wallMs)}, ${errors.length} failures (deleting them: ${ms(deleteWallMs)})`,
      targets: [atMost(wallMs, 3000, "≤ 3 s"), atMost(errors.length, 0, "0 failures")],
    },
  ];
}
