/** How late a jump of the wall clock is noticed at most; also far below what a timer can hold. */
const CHECK_INTERVAL_MS = 30_000;

/** Times closer together than this are met in one pass. */
const PASS_PAUSE_MS = 50;

export interface AlarmsOptions<K> {
  /** Milliseconds since 1970; may jump. */
  readonly clock: () => number;
  /** Called once a key, the earliest time first; set the key again for another alarm. */
  readonly onDue: (key: K) => void;
}

/**
 * Calls back once a key's wall-clock time has come: at once when it is past, never early, and within 50 ms as long as the
 * clock does not jump. One timer for all keys, none while there is no key.
 */
export class Alarms<K extends string> implements Disposable {
  readonly #options: AlarmsOptions<K>;
  readonly #times = new Map<K, number>();
  #isDisposed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(options: AlarmsOptions<K>) {
    this.#options = options;
  }

  /** Replaces the key's earlier time; `undefined` takes it back. */
  set(key: K, atMs: number | undefined): void {
    if (atMs === undefined) {
      this.#times.delete(key);
      return;
    }
    this.#times.set(key, atMs);
    if (atMs < this.#timerAtMs) this.#arm(atMs, 0);
  }

  /** Meets every time that has come by now. */
  check(): void {
    const nowMs = this.#options.clock();
    const due: [key: K, atMs: number][] = [];
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const [key, atMs] of this.#times) {
      if (atMs <= nowMs) due.push([key, atMs]);
      else nextAtMs = Math.min(nextAtMs, atMs);
    }
    for (const [key] of due) this.#times.delete(key);
    this.#arm(nextAtMs, PASS_PAUSE_MS);
    for (const [key] of due.sort((one, other) => one[1] - other[1])) this.#options.onDue(key);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
  }

  #arm(atMs: number, pauseMs: number): void {
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    if (this.#isDisposed || atMs === Number.POSITIVE_INFINITY) return;
    const leftMs = Math.max(pauseMs, atMs - this.#options.clock());
    this.#timer = setTimeout(() => this.check(), Math.min(leftMs, CHECK_INTERVAL_MS));
    this.#timer.unref();
  }
}
