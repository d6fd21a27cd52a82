/** At most `limit` sections at once; the rest wait in arrival order. */
export class Semaphore {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #activeCount = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get isIdle(): boolean {
    return this.#activeCount === 0;
  }

  async run<T>(section: () => Promise<T>): Promise<T> {
    if (this.#activeCount >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#activeCount += 1;
    try {
      return await section();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#activeCount -= 1;
      else next();
    }
  }
}
