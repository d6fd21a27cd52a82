/** Longest delay the runtime's timers hold, about 24.8 days; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Calls `action` after `delayMs`, unless disposed before; null or more than a timer can hold means never. */
export function after(delayMs: number | null, action: () => void): Disposable {
  const timer = delayMs === null || delayMs > MAX_TIMER_MS ? undefined : setTimeout(action, delayMs);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** What `promise` resolves to, or `"timeout"` once `timeoutMs` has passed; null means unbounded. */
export async function orTimeout<T>(promise: Promise<T>, timeoutMs: number | null): Promise<T | "timeout"> {
  const { promise: timedOut, resolve } = Promise.withResolvers<"timeout">();
  const timer = after(timeoutMs, () => resolve("timeout"));
  try {
    return await Promise.race([promise, timedOut]);
  } finally {
    timer[Symbol.dispose]();
  }
}
