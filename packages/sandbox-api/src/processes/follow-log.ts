import type { OutputLog, StreamName } from "./output-log.ts";

export interface LogChunk {
  readonly stream: StreamName;
  readonly bytes: Uint8Array;
  /** True when bytes before this chunk were dropped by the cap. */
  readonly isAfterGap: boolean;
}

const MAX_CHUNK_BYTES = 16 * 1024;

/**
 * Everything in `log` from the start and then what arrives, in arrival order, each byte once, until the process ends or
 * `signal` aborts. The log itself is the buffer, so a slow reader costs nothing.
 */
export async function* followLog(log: OutputLog, signal: AbortSignal): AsyncGenerator<LogChunk, void, undefined> {
  const position = { stdout: 0, stderr: 0 };
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  let runNumber = 0;
  log.startWatching();
  log.look();
  try {
    while (!signal.aborted) {
      const changed = log.nextChange();
      const isLastRound = log.hasEnded;
      for (; runNumber < log.order.endNumber && !signal.aborted; runNumber += 1)
        yield* drainRun(log, runNumber, position);
      // The last run may still grow.
      runNumber = Math.max(0, runNumber - 1);
      if (isLastRound) return;
      await Promise.race([changed, aborted.promise]);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function* drainRun(log: OutputLog, runNumber: number, position: Record<StreamName, number>): Generator<LogChunk> {
  for (;;) {
    const run = log.order.at(runNumber);
    if (run === undefined || position[run.stream] >= run.endOffset) return;
    const { stream } = run;
    const isAfterGap = position[stream] < log.keptFrom(stream);
    const fromOffset = Math.max(position[stream], log.keptFrom(stream));
    const bytes = log.read(stream, fromOffset, Math.max(0, Math.min(MAX_CHUNK_BYTES, run.endOffset - fromOffset)));
    // Nothing where something was noted: the process cut its own file, so what was there is gone.
    position[stream] = bytes.length === 0 ? run.endOffset : fromOffset + bytes.length;
    if (bytes.length > 0) yield { stream, bytes, isAfterGap };
  }
}
