import { setImmediate as nextTurn } from "node:timers/promises";

const SLICE_MS = 8;

/** Keeps long work from holding the event loop: `if (slice.isOver) await slice.next()` between its steps. */
export class TimeSlice {
  #endsAtMs = performance.now() + SLICE_MS;

  get isOver(): boolean {
    return performance.now() >= this.#endsAtMs;
  }

  /** Lets everybody else have a turn. */
  async next(): Promise<void> {
    await nextTurn();
    this.#endsAtMs = performance.now() + SLICE_MS;
  }
}
