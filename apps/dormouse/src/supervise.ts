import { setTimeout as delay } from "node:timers/promises";
import type { Child } from "./child.ts";

export interface Supervision {
  /** Starts it again; a rejection counts as an end. */
  readonly restart: () => Promise<Child>;
  /** Told at each end, with what ended it and how long it will be until the next start. */
  readonly onEnd: (reason: string, restartDelayMs: number) => void;
}

const FIRST_DELAY_MS = 20;
/** For one that cannot start. */
const MAX_DELAY_MS = 5000;
/** For one that does: however often it is killed, it serves again within a second. */
const MAX_DELAY_AFTER_START_MS = 200;
/** One that lived this long has worked: its next end is a new story. */
const GOOD_LIFE_MS = 2000;

/**
 * Keeps a process of ours alive until disposed: one that ends is started again, ever more slowly when it ends at once. It
 * never gives up, because the sandboxes run on and wait for it.
 */
export function supervise(first: Child, { restart, onEnd }: Supervision): AsyncDisposable {
  const stopping = new AbortController();
  let current: Child | undefined = first;

  const watch = async (): Promise<void> => {
    let delayMs = FIRST_DELAY_MS;
    for (;;) {
      const startedAtMs = performance.now();
      const reason = await (current === undefined
        ? "it could not start"
        : current.exited.then((code) => `exit code ${code}`));
      current = undefined;
      if (performance.now() - startedAtMs >= GOOD_LIFE_MS) delayMs = FIRST_DELAY_MS;
      if (stopping.signal.aborted) return;
      onEnd(reason, delayMs);
      await delay(delayMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
      current = await restart().catch(() => undefined);
      if (stopping.signal.aborted) await current?.stop();
      delayMs = Math.min(delayMs * 2, current === undefined ? MAX_DELAY_MS : MAX_DELAY_AFTER_START_MS);
    }
  };
  const watching = watch();

  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await current?.stop();
      await watching;
    },
  };
}
