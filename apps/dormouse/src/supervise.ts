import { setTimeout as delay } from "node:timers/promises";
import type { Child } from "./child.ts";

export interface Supervised extends AsyncDisposable {
  /** Rejects when the process ends again and again without having lived. */
  readonly failed: Promise<never>;
}

const RESTART_DELAY_MS = 100;
const SHORT_LIFE_MS = 2000;
const MAX_SHORT_LIVES = 5;

/** Keeps a process of ours alive: one that dies is started again, at most a few times when it dies at once. */
export function supervise(first: Child, restart: () => Promise<Child>, onExit: (exitCode: number) => void): Supervised {
  let current = first;
  let isStopping = false;
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);

  const watch = async (): Promise<void> => {
    for (let shortLifeCount = 0; ;) {
      const startedAtMs = performance.now();
      const exitCode = await current.exited;
      if (isStopping) return;
      onExit(exitCode);
      shortLifeCount = performance.now() - startedAtMs < SHORT_LIFE_MS ? shortLifeCount + 1 : 0;
      if (shortLifeCount >= MAX_SHORT_LIVES) throw new Error(`it ended ${MAX_SHORT_LIVES} times right after its start`);
      await delay(RESTART_DELAY_MS);
      if (!isStopping) current = await restart();
    }
  };
  const watching = watch().catch(reject);

  return {
    failed,
    async [Symbol.asyncDispose]() {
      isStopping = true;
      await current.stop();
      await watching;
      await current.stop();
    },
  };
}
