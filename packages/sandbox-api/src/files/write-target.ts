import { randomId } from "@dormouse/kernel";
import { closeSync, constants, fchmodSync, lstatSync, mkdirSync, openSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";

const DEFAULT_FILE_MODE = 0o644;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const WHOLE_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC;

/**
 * A file about to be written. A new one appears under its name when it is complete, and not at all when it is not; one that
 * exists is written in place, so its inode, owner, mode and watchers stay.
 */
export class WriteTarget implements Disposable {
  readonly fd: number;
  readonly #path: string;
  /** Null when written in place. */
  readonly #temporaryPath: string | null;
  #isOpen = true;
  #isCommitted = false;

  /** Makes the parents, 0755. @throws the errno error of whatever fails. */
  constructor(path: string) {
    this.#path = path;
    // A link is something that exists, also when it points to nothing: its target is what gets written.
    const isNew = lstatSync(path, { throwIfNoEntry: false }) === undefined;
    const parent = dirname(path);
    this.#temporaryPath = isNew ? join(parent, `.dormouse-${randomId()}.tmp`) : null;
    this.fd =
      this.#temporaryPath === null ? openSync(path, WHOLE_FILE, DEFAULT_FILE_MODE) : openNew(this.#temporaryPath);
  }

  /** Makes it visible; `mode` is for new files only and the umask applies. */
  commit(mode: number | null): void {
    if (this.#temporaryPath === null) return this.#close();
    fchmodSync(this.fd, (mode ?? DEFAULT_FILE_MODE) & ~process.umask());
    this.#close();
    renameSync(this.#temporaryPath, this.#path);
    this.#isCommitted = true;
  }

  /** Leaves no trace of a new file that was not committed. */
  [Symbol.dispose](): void {
    this.#close();
    if (this.#temporaryPath !== null && !this.#isCommitted) unlinkSync(this.#temporaryPath);
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.fd);
    this.#isOpen = false;
  }
}

/** Optimistic: the parent nearly always exists. */
function openNew(path: string): number {
  try {
    return openSync(path, NEW_FILE, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    return openSync(path, NEW_FILE, 0o600);
  }
}
