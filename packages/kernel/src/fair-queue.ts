import { AppError } from "./errors.ts";

export interface FairQueueOptions {
  /** Sections that run at once. */
  readonly limit: number;
  /** Sections that may wait for each key. */
  readonly maxWaitingCount: number;
}

interface Waiter {
  readonly start: () => void;
}

const RETRY_AFTER_S = 5;

/**
 * At most `limit` sections at once. The others wait in a lane of their key, in arrival order, and the lanes take turns: who
 * has much to do delays nobody else by more than one section.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** The lane whose turn is next comes first; none is empty. */
  readonly #lanes = new Map<string, Waiter[]>();
  #activeCount = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** A signal takes out what still waits, with its reason. @throws {AppError} RATE_LIMITED when too many of the key wait */
  async run<T>(key: string, section: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.#activeCount < this.#options.limit) this.#activeCount += 1;
    else await this.#wait(key, signal);
    try {
      return await section();
    } finally {
      this.#passOn();
    }
  }

  async #wait(key: string, signal: AbortSignal | undefined): Promise<void> {
    const lane = this.#lanes.get(key) ?? [];
    if (lane.length >= this.#options.maxWaitingCount) {
      throw new AppError("RATE_LIMITED", `Cannot start this now: ${lane.length} others of yours wait already`, {
        hint: `Try again in ${RETRY_AFTER_S} seconds`,
        details: { retryAfterS: RETRY_AFTER_S },
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { start: resolve };
    lane.push(waiter);
    this.#lanes.set(key, lane);
    const leave = (): void => {
      this.#takeOut(key, waiter);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", leave, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  #takeOut(key: string, waiter: Waiter): void {
    const rest = this.#lanes.get(key)?.filter((other) => other !== waiter) ?? [];
    if (rest.length === 0) this.#lanes.delete(key);
    else this.#lanes.set(key, rest);
  }

  /** Hands the place to the next lane, which then goes to the end of the line. */
  #passOn(): void {
    const [next] = this.#lanes;
    if (next === undefined) {
      this.#activeCount -= 1;
      return;
    }
    const [key, lane] = next;
    this.#lanes.delete(key);
    const waiter = lane.shift();
    if (lane.length > 0) this.#lanes.set(key, lane);
    waiter?.start();
  }
}
