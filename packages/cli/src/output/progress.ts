import type { Io } from "../io.ts";
import { formatBytes } from "../resources/sizes.ts";

/** How far something is, on one line that is wiped away at the end; nothing where stderr is no terminal. */
export interface Progress extends Disposable {
  readonly advance: (bytes: number) => void;
}

const BAR_WIDTH = 20;
const REDRAW_INTERVAL_MS = 100;
const DEFAULT_COLUMNS = 80;

export function startProgress(io: Io, label: string, totalBytes: number | undefined): Progress {
  if (!io.isTty.stderr) return { advance: () => undefined, [Symbol.dispose]: () => undefined };
  const startedAtMs = performance.now();
  let doneBytes = 0;
  let drawnAtMs = Number.NEGATIVE_INFINITY;
  return {
    advance: (bytes) => {
      doneBytes += bytes;
      const nowMs = performance.now();
      if (nowMs - drawnAtMs < REDRAW_INTERVAL_MS && doneBytes !== totalBytes) return;
      drawnAtMs = nowMs;
      const state = describeProgress({ doneBytes, totalBytes, elapsedMs: nowMs - startedAtMs });
      const columns = io.terminalSize()?.columns ?? DEFAULT_COLUMNS;
      io.stderr.write(`\r\u001b[K${`${label} ${state}`.slice(0, columns - 1)}`);
    },
    [Symbol.dispose]: () => {
      io.stderr.write("\r\u001b[K");
    },
  };
}

export interface ProgressState {
  readonly doneBytes: number;
  /** Undefined when nobody knows. */
  readonly totalBytes: number | undefined;
  readonly elapsedMs: number;
}

/** As in `[=====>    ] 5.00 MB of 10.00 MB - 50% - 2.50 MB/s - ETA 2s`. */
export function describeProgress({ doneBytes, totalBytes, elapsedMs }: ProgressState): string {
  const bytesPerS = elapsedMs === 0 ? 0 : (doneBytes / elapsedMs) * 1000;
  const speed = `${formatBytes(Math.round(bytesPerS))}/s`;
  if (totalBytes === undefined || totalBytes === 0) return `${formatBytes(doneBytes)} - ${speed}`;
  const part = Math.min(1, doneBytes / totalBytes);
  const filled = Math.round(part * BAR_WIDTH);
  const bar = `[${"=".repeat(filled)}${filled < BAR_WIDTH ? ">" : ""}`.padEnd(BAR_WIDTH + 1);
  const leftS = bytesPerS === 0 ? "?" : String(Math.ceil((totalBytes - doneBytes) / bytesPerS));
  const amount = `${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
  return `${bar}] ${amount} - ${Math.floor(part * 100)}% - ${speed} - ETA ${leftS}s`;
}
