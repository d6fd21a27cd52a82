import { setImmediate } from "node:timers/promises";

const MAX_TURN_MS = 10;

/** A stretch of work that lets other requests in whenever it has held them up for a while. */
export class Turn {
  #sinceMs = performance.now();

  /** To be awaited between steps that take little each. */
  async share(): Promise<void> {
    if (performance.now() - this.#sinceMs < MAX_TURN_MS) return;
    await setImmediate();
    this.#sinceMs = performance.now();
  }
}
