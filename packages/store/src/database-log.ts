import { open } from "node:fs/promises";
import type { StoreOptions } from "./database.ts";

/**
 * SQLite's write-ahead log, which a commit leaves to the kernel: a power cut could take the last half minute. Nothing waits for
 * the disk, so it is told in the background. PostgreSQL does all that by itself, before a commit is answered.
 */
export class DatabaseLog implements AsyncDisposable {
  readonly #file: string | undefined;
  #running: Promise<void> | undefined;
  #isDue = false;

  constructor(options: StoreOptions) {
    this.#file = "sqlitePath" in options && options.sqlitePath !== ":memory:" ? `${options.sqlitePath}-wal` : undefined;
  }

  /** Returns at once; calls that come while the disk is busy share the next turn. */
  flush(): void {
    if (this.#file === undefined) return;
    this.#isDue = true;
    this.#running ??= this.#run(this.#file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
  }

  async #run(file: string): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      await syncData(file).catch(() => undefined);
    }
    this.#running = undefined;
  }
}

/** Of the log alone: to open and close the database itself would drop the locks SQLite holds on it (fcntl(2)). */
async function syncData(file: string): Promise<void> {
  await using log = await open(file, "r");
  await log.datasync();
}
