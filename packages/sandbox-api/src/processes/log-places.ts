import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { OutputLog } from "./output-log.ts";

/** In memory first: it is writable where the root is not, and has room where the disk has none. */
const FALLBACK_PARENTS = ["/dev/shm", "/tmp"];

/** With less than that a disk counts as full. */
const MIN_ROOM_BYTES = 64 * 1024;

/** Where logs are written: in the first folder that has room for one. A process runs also where none has. */
export class LogPlaces implements Disposable {
  readonly #directory: string;
  /** Folders of its own by the parent they were made in. */
  readonly #fallbacks = new Map<string, string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Files named `<name>.stdout.log` and `<name>.stderr.log`; with nowhere to write them, output is thrown away. */
  create(name: string, maxFileBytes: number): OutputLog {
    return (
      tryToCreate(() => this.#directory, name, maxFileBytes) ??
      this.#createInFallback(name, maxFileBytes) ??
      new OutputLog(null, maxFileBytes)
    );
  }

  /** Fallback folders by parent, as JSON can hold them. */
  save(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#fallbacks);
  }

  /** Takes over the fallback folders of an agent this one has replaced. */
  adopt(saved: Readonly<Record<string, string>>): void {
    for (const [parent, folder] of Object.entries(saved)) this.#fallbacks.set(parent, folder);
  }

  /** Removes the fallback folders: what lies in memory should not stay. */
  [Symbol.dispose](): void {
    for (const folder of this.#fallbacks.values()) rmSync(folder, { recursive: true, force: true });
    this.#fallbacks.clear();
  }

  #createInFallback(name: string, maxFileBytes: number): OutputLog | null {
    for (const parent of FALLBACK_PARENTS) {
      const created = tryToCreate(() => this.#fallbackFolder(parent), name, maxFileBytes);
      if (created !== null) return created;
    }
    return null;
  }

  #fallbackFolder(parent: string): string {
    const folder = this.#fallbacks.get(parent) ?? mkdtempSync(join(parent, "sandbox-api-"));
    this.#fallbacks.set(parent, folder);
    return folder;
  }
}

function tryToCreate(findFolder: () => string, name: string, maxFileBytes: number): OutputLog | null {
  try {
    const folder = findFolder();
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < MIN_ROOM_BYTES ? null : new OutputLog(join(folder, name), maxFileBytes);
  } catch {
    return null;
  }
}
