import type { BenchContext } from "./context.ts";
import { atLeast, atMost, type Figure, ms, summaryText, withFloor } from "./figure.ts";
import { atOnce, median, round, summarize, timeMs, timesMs } from "./stats.ts";

const BATCHES = 4;
const WIDTH = 8;

/** `exec true` in a warm sandbox: one after the other, then eight at a time. */
export async function benchExec({ api, isQuick }: BenchContext): Promise<Figure[]> {
  const countPerBatch = isQuick ? 25 : 75;
  await using sandbox = await api.create("exec");
  const exec = (): Promise<unknown> => sandbox.exec("true");
  await timesMs(20, exec);
  const samples: number[] = [];
  const floors: number[] = [];
  const rates: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    samples.push(...(await timesMs(countPerBatch, exec)));
    floors.push(...(await timesMs(countPerBatch, spawnTrue)));
    rates.push((countPerBatch * 1000) / (await timeMs(() => atOnce(countPerBatch, WIDTH, exec))));
  }
  const summary = summarize(samples);
  const floorMs = median(floors);
  const rate = median(rates);
  return [
    {
      key: "exec_warm_ms",
      value: withFloor(summary, floorMs),
      title: "exec true, warm",
      text: summaryText(summary),
      beside: `floor ${ms(floorMs)} (local spawn of sh -c true), ratio ${round(summary.p50 / floorMs)}×`,
      targets: [atMost(summary.p50, 4, "p50 ≤ 4 ms")],
    },
    {
      key: "exec_rate_per_s",
      value: Math.round(rate),
      title: `exec true, ${WIDTH} at a time`,
      text: `${Math.round(rate)}/s`,
      targets: [atLeast(rate, 300, "≥ 300/s")],
    },
  ];
}

const spawnTrue = (): Promise<number> =>
  Bun.spawn(["/bin/sh", "-c", "true"], { stdio: ["ignore", "ignore", "ignore"] }).exited;
