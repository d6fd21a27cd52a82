import { AppError } from "@dormouse/kernel";

/** Who guesses from more places than this has the oldest forgotten. */
const KEYS_MAX_COUNT = 10_000;

export interface AttemptLimits {
  readonly maxCount: number;
  readonly windowMs: number;
}

interface Window {
  readonly endsAtMs: number;
  count: number;
}

/** Counts attempts by whoever makes them, in windows of time. */
export class Attempts {
  readonly #clock: () => number;
  readonly #limits: AttemptLimits;
  readonly #windows = new Map<string, Window>();

  constructor(clock: () => number, limits: AttemptLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Counts before the outcome is known, so that attempts at the same time count as well. @throws {AppError} RATE_LIMITED */
  take(key: string): void {
    const nowMs = this.#clock();
    const window = this.#current(key, nowMs);
    window.count += 1;
    if (window.count <= this.#limits.maxCount) return;
    const retryAfterS = Math.ceil((window.endsAtMs - nowMs) / 1000);
    throw new AppError("RATE_LIMITED", "Cannot answer: there were too many attempts", {
      hint: `Try again in ${retryAfterS} seconds`,
      details: { retryAfterS },
    });
  }

  /** After a success. */
  forget(key: string): void {
    this.#windows.delete(key);
  }

  #current(key: string, nowMs: number): Window {
    const window = this.#windows.get(key);
    if (window !== undefined && window.endsAtMs > nowMs) return window;
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined && this.#windows.size >= KEYS_MAX_COUNT) this.#windows.delete(oldest);
    const fresh = { endsAtMs: nowMs + this.#limits.windowMs, count: 0 };
    this.#windows.delete(key);
    this.#windows.set(key, fresh);
    return fresh;
  }
}
