/** How long a count may be wrong because of a write that did not pass here. */
const LIFE_MS = 1000;
const MAX_ENTRIES = 1000;

interface Entry {
  readonly count: number;
  readonly atMs: number;
}

/** How many rows lists have: counting 10,000 rows takes five times as long as reading a page of them. */
export class CountCache {
  #entries = new Map<string, Entry>();

  /** Until the next `forget`, and for a second at most, `count` is called once for a key. */
  async get(key: string, nowMs: number, count: () => Promise<number>): Promise<number> {
    const known = this.#entries.get(key);
    if (known !== undefined && Math.abs(nowMs - known.atMs) < LIFE_MS) return known.count;
    // A write that ends meanwhile leaves another map, and this count out of it.
    const entries = this.#entries;
    const counted = await count();
    if (entries.size >= MAX_ENTRIES) entries.clear();
    entries.set(key, { count: counted, atMs: nowMs });
    return counted;
  }

  /** After every write that may change a count. */
  forget(): void {
    this.#entries = new Map();
  }
}
