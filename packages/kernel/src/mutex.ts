/** Runs sections one at a time, in arrival order. A section that throws does not block the next one. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(section: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(section, section);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

/** One `Mutex` per key, dropped when its last section ends. */
export class KeyedMutex {
  readonly #mutexes = new Map<string, { mutex: Mutex; pendingCount: number }>();

  async run<T>(key: string, section: () => Promise<T>): Promise<T> {
    const entry = this.#mutexes.get(key) ?? { mutex: new Mutex(), pendingCount: 0 };
    this.#mutexes.set(key, entry);
    entry.pendingCount += 1;
    try {
      return await entry.mutex.run(section);
    } finally {
      entry.pendingCount -= 1;
      if (entry.pendingCount === 0) this.#mutexes.delete(key);
    }
  }
}
