import { closeSync, constants, fstatSync, ftruncateSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { loadLibc } from "./libc.ts";
import { punchHole } from "./punch-hole.ts";

/** How far a file has come. Offsets count every byte ever written, so they never go back. */
interface Progress {
  /** Bytes that were in the file before it was cut to nothing. */
  readonly baseBytes: number;
  /** Size of the file when last looked at. */
  readonly sizeBytes: number;
  /** Offset of the first byte still there. */
  readonly keptFrom: number;
}

/** A `LogFile` as JSON can hold it. */
export interface SavedLogFile extends Progress {
  /** Null where nothing is kept. */
  readonly path: string | null;
  /** True while something may write to it. */
  readonly isOpen: boolean;
}

const CREATE = constants.O_CREAT | constants.O_TRUNC | constants.O_RDWR | constants.O_APPEND;
const CONTINUE = constants.O_RDWR | constants.O_APPEND;
const HOLE_ALIGNMENT_BYTES = 4096;
const NOWHERE = "/dev/null";

/** One stream of a process in a regular file that the process writes itself. */
export class LogFile implements Disposable {
  #path: string | null;
  #fd: number | null;
  #progress: Progress;

  private constructor(path: string | null, fd: number | null, progress: Progress) {
    this.#path = path;
    this.#fd = fd;
    this.#progress = progress;
  }

  /** Creates `path`, or empties it; null keeps nothing. @throws an errno error when that cannot be. */
  static create(path: string | null): LogFile {
    const fd = openSync(path ?? NOWHERE, CREATE, 0o600);
    return new LogFile(path, fd, { baseBytes: 0, sizeBytes: 0, keptFrom: 0 });
  }

  /** The file of an agent this one has replaced. A file that is gone keeps nothing more: its process matters, not its log. */
  static adopt({ path, isOpen, ...progress }: SavedLogFile): LogFile {
    if (!isOpen) return new LogFile(path, null, progress);
    try {
      return new LogFile(path, openSync(path ?? NOWHERE, CONTINUE), progress);
    } catch {
      return LogFile.create(null);
    }
  }

  save(): SavedLogFile {
    return { path: this.#path, isOpen: this.#fd !== null, ...this.#progress };
  }

  /** Null where nothing is kept. */
  get path(): string | null {
    return this.#path;
  }

  /** To be inherited by a process. @throws {TypeError} once disposed. */
  get descriptor(): number {
    if (this.#fd === null) throw new TypeError("the log is closed");
    return this.#fd;
  }

  /** Bytes ever written, as last looked at. */
  get endOffset(): number {
    return this.#progress.baseBytes + this.#progress.sizeBytes;
  }

  /** Offset of the first byte that is still kept. */
  get keptFrom(): number {
    return this.#progress.keptFrom;
  }

  /** Bytes it takes on disk. */
  get keptBytes(): number {
    return this.endOffset - this.keptFrom;
  }

  /** Looks how far it has come; returns the bytes that are new. A file that shrank was cut to nothing by its process. */
  look(): number {
    if (this.#fd === null) return 0;
    const { size: sizeBytes } = fstatSync(this.#fd);
    const { sizeBytes: knownBytes, keptFrom } = this.#progress;
    if (sizeBytes === knownBytes) return 0;
    const isCut = sizeBytes < knownBytes;
    const baseBytes = isCut ? this.endOffset : this.#progress.baseBytes;
    this.#progress = { baseBytes, sizeBytes, keptFrom: isCut ? baseBytes : keptFrom };
    return isCut ? sizeBytes : sizeBytes - knownBytes;
  }

  /** Adds text, as far as the disk has room for it. */
  append(text: string): void {
    try {
      writeSync(this.descriptor, text);
    } catch {
      // A full disk takes notices as little as output.
    }
  }

  /** Up to `maxBytes` from `fromOffset`, which must not lie before `keptFrom`; empty when there is nothing. */
  read(fromOffset: number, maxBytes: number): Uint8Array {
    const buffer = Buffer.allocUnsafe(maxBytes);
    const position = fromOffset - this.#progress.baseBytes;
    try {
      return buffer.subarray(
        0,
        this.#withDescriptor("r", (fd) => readSync(fd, buffer, 0, maxBytes, position)),
      );
    } catch {
      // Its process has been forgotten meanwhile, and the file with it.
      return buffer.subarray(0, 0);
    }
  }

  /** Gives the oldest bytes back to the filesystem, so that `keptBytes` stay. */
  async dropAllBut(keptBytes: number): Promise<void> {
    const dropBytes = this.#progress.sizeBytes - keptBytes;
    const holeBytes = dropBytes - (dropBytes % HOLE_ALIGNMENT_BYTES);
    if (holeBytes <= 0) return;
    const { baseBytes } = this.#progress;
    this.#progress = { ...this.#progress, keptFrom: Math.max(this.keptFrom, baseBytes + holeBytes) };
    const libc = await loadLibc();
    if (this.#progress.baseBytes !== baseBytes) return;
    try {
      this.#withDescriptor("r+", (fd) => {
        if (libc === null || !punchHole(libc, fd, holeBytes)) ftruncateSync(fd, 0);
      });
    } catch {
      // It is gone altogether.
    }
  }

  /** Nobody writes any more. What was written stays readable; a file that holds nothing is removed. */
  [Symbol.dispose](): void {
    if (this.#fd === null) return;
    closeSync(this.#fd);
    this.#fd = null;
    if (this.endOffset === 0) this.remove();
  }

  /** Removes the file. Whoever reads it finds nothing. */
  remove(): void {
    if (this.#path !== null) tryToUnlink(this.#path);
    this.#path = null;
    this.#progress = { ...this.#progress, keptFrom: this.endOffset };
  }

  #withDescriptor<T>(flags: "r" | "r+", use: (fd: number) => T): T {
    if (this.#fd !== null) return use(this.#fd);
    const fd = openSync(this.#path ?? NOWHERE, flags);
    try {
      return use(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function tryToUnlink(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else has removed it, or the disk has become read-only.
  }
}
