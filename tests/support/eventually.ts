import { existsSync, readFileSync } from "node:fs";

const TIMEOUT_MS = 15_000;

/** Runs until it succeeds, as a patient client does. */
export async function eventually<T>(call: () => T | Promise<T>, timeoutMs = TIMEOUT_MS): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await Bun.sleep(5);
    }
  }
}

/** Resolves when the process has ended, reaped or not. */
export async function untilDead(pid: number): Promise<void> {
  await eventually(() => {
    if (isAlive(pid)) throw new Error(`process ${pid} is still alive`);
  });
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
}
