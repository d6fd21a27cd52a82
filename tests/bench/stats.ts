export interface Summary {
  readonly p50: number;
  readonly p99: number;
}

/** Nearest-rank percentile; `fraction` is 0 to 1. @throws RangeError without samples */
export function percentile(samples: readonly number[], fraction: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)];
  if (value === undefined) throw new RangeError("Cannot take a percentile: there are no samples");
  return value;
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5);

export const summarize = (samples: readonly number[]): Summary => ({
  p50: median(samples),
  p99: percentile(samples, 0.99),
});

/** How long `run` takes, in milliseconds. */
export async function timeMs(run: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await run();
  return performance.now() - startedAtMs;
}

/** `count` times in a row. */
export async function timesMs(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let round = 0; round < count; round++) samples.push(await timeMs(run));
  return samples;
}

/** Runs `run` `count` times, at most `width` at once. */
export async function atOnce(count: number, width: number, run: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** Three significant digits are all that a shared machine gives. */
export const round = (value: number): number => Number(value.toPrecision(3));
