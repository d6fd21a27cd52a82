import { nextTurn, TURN_MS } from "./turns.ts";

/** Runs jobs one after the other, the newest first, in slices that leave the event loop free in between. */
export class SlicedWork {
  readonly #jobs: Generator<void, void, undefined>[] = [];
  readonly #pace: () => Promise<void>;
  #running: Promise<void> | null = null;

  /** A job must yield often; `pace` is awaited between slices. */
  constructor(pace: () => Promise<void>) {
    this.#pace = pace;
  }

  /** The job starts soon, never before this returns. */
  add(job: Generator<void, void, undefined>): void {
    this.#jobs.push(job);
    this.#running ??= this.#run();
  }

  /** Drops what has not begun. */
  clear(): void {
    this.#jobs.length = 0;
  }

  /** Resolves once all jobs are done, with those they have added. */
  async whenIdle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await Promise.resolve();
    let sliceEndMs = performance.now() + TURN_MS;
    for (let job = this.#jobs.pop(); job !== undefined; job = this.#jobs.pop()) {
      for (const _ of job) {
        if (performance.now() < sliceEndMs) continue;
        await nextTurn();
        await this.#pace();
        sliceEndMs = performance.now() + TURN_MS;
      }
    }
    this.#running = null;
  }
}
