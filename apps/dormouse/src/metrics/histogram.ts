/** Upper bounds in seconds, from the thaw of a sandbox to a build inside one. */
export const BOUNDS_S: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** How long things took. Noting one allocates nothing: the gateway does it for every request. */
export class Histogram {
  /** By bound, and one more for what took longer than all. */
  readonly #counts = new Float64Array(BOUNDS_S.length + 1);
  #sumMs = 0;

  note(durationMs: number): void {
    this.#sumMs += durationMs;
    const durationS = durationMs / 1000;
    let index = 0;
    // Most take a millisecond, which is near the start.
    while (index < BOUNDS_S.length && durationS > (BOUNDS_S[index] ?? 0)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  get sumS(): number {
    return this.#sumMs / 1000;
  }

  /** How many took no longer than each bound, the last without any: they only grow. */
  cumulativeCounts(): number[] {
    let total = 0;
    return Array.from(this.#counts, (count) => (total += count));
  }
}
