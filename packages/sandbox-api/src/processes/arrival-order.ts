export type StreamName = "stdout" | "stderr";

/** Bytes of one stream that arrived before those of the next run. */
export interface Run {
  readonly stream: StreamName;
  /** Offset in the stream's log where the run ends; it grows while the run is the last one. */
  endOffset: number;
}

const MAX_RUNS = 2048;

/**
 * In which order the bytes of two streams arrived, without holding them. Bounded: the oldest order is forgotten first, never
 * the bytes themselves.
 */
export class ArrivalOrder {
  readonly #runs: Run[] = [];
  #forgottenCount = 0;

  /** Notes that `stream` has reached `endOffset`. */
  extend(stream: StreamName, endOffset: number): void {
    const last = this.#runs.at(-1);
    if (last?.stream === stream) last.endOffset = endOffset;
    else this.#runs.push({ stream, endOffset });
    if (this.#runs.length > MAX_RUNS) this.#forgetOldestHalf();
  }

  /** The run with this number, or the oldest one known when that is later; undefined past the end. */
  at(number: number): Run | undefined {
    return this.#runs[Math.max(0, number - this.#forgottenCount)];
  }

  /** Number after the last run. */
  get endNumber(): number {
    return this.#forgottenCount + this.#runs.length;
  }

  /** One run per stream stands for all that came before, so a reader that starts there still meets every byte once. */
  #forgetOldestHalf(): void {
    const oldest = this.#runs.splice(0, MAX_RUNS / 2);
    const merged = (["stdout", "stderr"] as const).flatMap(
      (stream) => oldest.findLast((run) => run.stream === stream) ?? [],
    );
    this.#runs.unshift(...merged);
    this.#forgottenCount += oldest.length - merged.length;
  }
}
