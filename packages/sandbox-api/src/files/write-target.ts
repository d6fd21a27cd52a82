import { randomId } from "@dormouse/kernel";
import {
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { hasErrorCode } from "../http.ts";

export const DEFAULT_FILE_MODE = 0o644;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
/** Opening a pipe nobody reads fails instead of waiting. */
const EXISTING_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

/**
 * A file about to be written. A new one appears under its name when it is complete, and not at all when it is not; one that
 * exists is written in place, so its inode, owner, mode and watchers stay.
 */
export class WriteTarget implements Disposable {
  readonly fd: number;
  readonly #path: string;
  /** Null when written in place. */
  readonly #temporaryPath: string | null;
  /** The outermost parent made for it. */
  #madeParent: string | undefined;
  #isOpen = true;
  #isCommitted = false;

  /** Makes the parents, 0755. @throws the errno error of whatever fails, which names `path`. */
  constructor(path: string) {
    this.#path = path;
    try {
      // A link is something that exists, also when it points to nothing: its target is what gets written.
      const isNew = lstatSync(path, { throwIfNoEntry: false }) === undefined;
      this.#temporaryPath = isNew ? join(dirname(path), `.dormouse-${randomId()}.tmp`) : null;
      this.fd =
        this.#temporaryPath === null
          ? openSync(path, EXISTING_FILE, DEFAULT_FILE_MODE)
          : this.#openNew(this.#temporaryPath);
    } catch (error) {
      this.#removeParents();
      throw error instanceof Error ? Object.assign(error, { path }) : error;
    }
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
    if (this.#temporaryPath === null || this.#isCommitted) return;
    rmSync(this.#temporaryPath, { force: true });
    this.#removeParents();
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.fd);
    this.#isOpen = false;
  }

  /** Optimistic: the parent nearly always exists. */
  #openNew(path: string): number {
    try {
      return openSync(path, NEW_FILE, 0o600);
    } catch (error) {
      if (!hasErrorCode(error, "ENOENT")) throw error;
      this.#madeParent = mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
      return openSync(path, NEW_FILE, 0o600);
    }
  }

  /** As far as nobody else has put something in meanwhile. */
  #removeParents(): void {
    if (this.#madeParent === undefined) return;
    try {
      for (let parent = dirname(this.#path); parent.length >= this.#madeParent.length; parent = dirname(parent)) {
        rmdirSync(parent);
      }
    } catch {
      // It stays for whoever uses it.
    }
  }
}
