import { open } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";

/** So that what is being answered is answered first, and what comes together goes to the disk together. */
const START_DELAY_MS = 10;

/**
 * Puts files and folders on the disk in the background, so that neither a create nor a delete waits for the disk. In the order
 * they were named; what is named again while it waits is put there once.
 */
export class DiskSync implements AsyncDisposable {
  readonly #waiting = new Set<string>();
  #running: Promise<void> | undefined;

  /** Returns at once. What is gone when its turn comes needs no place on the disk. */
  later(...paths: readonly string[]): void {
    for (const path of paths) this.#waiting.add(path);
    this.#running ??= this.#run();
  }

  /** Resolves when all that was named is on the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await delay(START_DELAY_MS);
    for (const path of this.#waiting) {
      this.#waiting.delete(path);
      await syncToDisk(path).catch(() => undefined);
    }
    this.#running = undefined;
  }
}

/** Content and, of a folder, its entries. */
export async function syncToDisk(path: string): Promise<void> {
  await using file = await open(path, "r");
  await file.sync();
}
