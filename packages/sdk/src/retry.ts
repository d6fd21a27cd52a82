const MAX_RETRIES = 2;
const FIRST_DELAY_MS = 500;
/** A server that asks for more is not waited for. */
const MAX_DELAY_MS = 60_000;

const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 409, 429]);

export interface RetryOptions {
  /** How often to try again at most. */
  readonly retries?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends again what may go better the next time: no connection, 408, 409, 429 and 5xx, unless `x-should-retry` says otherwise.
 * The last answer is returned, and the last failure to connect thrown.
 */
export async function withRetries(send: () => Promise<Response>, options: RetryOptions = {}): Promise<Response> {
  const retries = options.retries ?? MAX_RETRIES;
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await send().catch((error: unknown) => ({ error }));
    const isLast = attempt >= retries || options.signal?.aborted === true;
    if (!(outcome instanceof Response)) {
      if (isLast) throw outcome.error;
      await delay(FIRST_DELAY_MS * 2 ** attempt, options.signal);
      continue;
    }
    const waitMs = retryAfterMs(outcome.headers) ?? FIRST_DELAY_MS * 2 ** attempt;
    if (isLast || !isWorthRetrying(outcome) || waitMs > MAX_DELAY_MS) return outcome;
    await outcome.body?.cancel();
    await delay(waitMs, options.signal);
  }
}

function isWorthRetrying({ status, headers }: Response): boolean {
  const told = headers.get("x-should-retry");
  if (told === "true" || told === "false") return told === "true";
  return RETRIED_STATUSES.has(status) || status >= 500;
}

function retryAfterMs(headers: Headers): number | undefined {
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (ms >= 0) return ms;
  const value = headers.get("retry-after") ?? "";
  const seconds = Number.parseFloat(value);
  if (seconds >= 0) return seconds * 1000;
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - Date.now());
}

/** @throws the signal's reason when it is aborted meanwhile. */
export async function delay(durationMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, durationMs);
  const stop = (): void => reject(signal?.reason as Error);
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop, { once: true });
  await promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  });
}
