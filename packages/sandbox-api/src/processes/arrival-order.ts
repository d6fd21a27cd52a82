export type StreamName = "stdout" | "stderr";

/** Bytes of one stream that arrived before those of the next run. */
export interface Run {
  readonly stream: StreamName;
  /** Offset in the stream's log where the run ends; it grows while the run is the last one. */
  readonly endOffset: number;
}

/** What an `ArrivalOrder` knows, as JSON can hold it. */
export interface SavedOrder {
  readonly runs: readonly number[];
  readonly forgottenCount: number;
}

const MAX_RUNS = 2048;

/**
 * In which order the bytes of two streams arrived, without holding them. Bounded: the oldest order is forgotten first, never
 * the bytes themselves.
 */
export class ArrivalOrder {
  /** End offsets, those of stderr negative: there is one order for each process, also for finished ones. */
  readonly #runs: number[];
  #forgottenCount: number;

  constructor(saved: SavedOrder = { runs: [], forgottenCount: 0 }) {
    this.#runs = [...saved.runs];
    this.#forgottenCount = saved.forgottenCount;
  }

  /** Notes that `stream` has reached `endOffset`, which is not 0. */
  extend(stream: StreamName, endOffset: number): void {
    const run = stream === "stdout" ? endOffset : -endOffset;
    const last = this.#runs.at(-1);
    if (last !== undefined && last < 0 === run < 0) this.#runs[this.#runs.length - 1] = run;
    else this.#runs.push(run);
    if (this.#runs.length > MAX_RUNS) this.#forgetOldestHalf();
  }

  /** The run with this number, or the oldest one known when that is later; undefined past the end. */
  at(number: number): Run | undefined {
    const run = this.#runs[Math.max(0, number - this.#forgottenCount)];
    if (run === undefined) return undefined;
    return run < 0 ? { stream: "stderr", endOffset: -run } : { stream: "stdout", endOffset: run };
  }

  /** Number after the last run. */
  get endNumber(): number {
    return this.#forgottenCount + this.#runs.length;
  }

  save(): SavedOrder {
    return { runs: [...this.#runs], forgottenCount: this.#forgottenCount };
  }

  /** One run per stream stands for all that came before, so a reader that starts there still meets every byte once. */
  #forgetOldestHalf(): void {
    const oldest = this.#runs.splice(0, MAX_RUNS / 2);
    const merged = [oldest.findLast((run) => run > 0) ?? [], oldest.findLast((run) => run < 0) ?? []].flat();
    this.#runs.unshift(...merged);
    this.#forgottenCount += oldest.length - merged.length;
  }
}
