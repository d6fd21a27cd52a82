import { AppError, Mutex } from "@dormouse/kernel";
import { closeSync, fstatSync, writeSync } from "node:fs";
import { hasErrorCode } from "../http.ts";
import { type Libc, loadedLibc, setInherited } from "./libc.ts";
import { startFailure } from "./spawn.ts";

/** A `StdinPipe` as JSON can hold it. */
export interface SavedStdin {
  readonly fd: number;
  /** Of the pipe: in an agent that did not inherit it, the number may belong to another file. */
  readonly inode: number;
}

/** A new pipe: `readFd` is for the process, and then to be closed. */
export interface OpenedStdin {
  readonly pipe: StdinPipe;
  readonly readFd: number;
}

/** Bytes that may wait for the reader; what exceeds them is refused at once. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** How long the reader may take nothing at all. */
const STALLED_AFTER_MS = 30_000;
const MAX_PAUSE_MS = 50;

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;

/**
 * The end of a process's input that the agent writes to. Writes do not mix and keep their order; what the reader has no room for
 * waits here.
 */
export class StdinPipe implements Disposable {
  readonly #order = new Mutex();
  readonly #stalledAfterMs: number;
  #fd: number | null;
  #waitingBytes = 0;

  private constructor(fd: number, stalledAfterMs: number) {
    this.#fd = fd;
    this.#stalledAfterMs = stalledAfterMs;
  }

  /** `loadLibc` must have been awaited before. @throws {AppError} UNPROCESSABLE when there can be no pipe. */
  static open(stalledAfterMs = STALLED_AFTER_MS): OpenedStdin {
    const ends = new Int32Array(2);
    const libc = loadedLibc();
    if (libc === null || libc.pipe2(ends, O_CLOEXEC) !== 0) throw startFailure("cannot create a pipe for its stdin");
    const [readFd = -1, writeFd = -1] = ends;
    libc.fcntl(writeFd, F_SETFL, O_NONBLOCK);
    return { pipe: new StdinPipe(writeFd, stalledAfterMs), readFd };
  }

  /** The pipe of an agent this one has replaced; null when the descriptor was not inherited. */
  static adopt({ fd, inode }: SavedStdin, libc: Libc): StdinPipe | null {
    try {
      if (fstatSync(fd).ino !== inode) return null;
    } catch {
      return null;
    }
    setInherited(libc, fd, false);
    return new StdinPipe(fd, STALLED_AFTER_MS);
  }

  /** Null once closed. */
  save(): SavedStdin | null {
    return this.#fd === null ? null : { fd: this.#fd, inode: fstatSync(this.#fd).ino };
  }

  /**
   * Resolves once the pipe holds all of `bytes`. A client that leaves takes back what has not begun to be written.
   * @throws {AppError} STDIN_UNAVAILABLE when the pipe is closed, STDIN_STALLED when the reader takes nothing.
   */
  async write(bytes: Uint8Array, left: AbortSignal): Promise<void> {
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) throw stalled(0, bytes.length);
    this.#waitingBytes += bytes.length;
    try {
      await this.#order.run(() => this.#writeAll(bytes, left));
    } finally {
      this.#waitingBytes -= bytes.length;
    }
  }

  /** The process reads what the pipe holds and then the end. */
  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  async #writeAll(bytes: Uint8Array, left: AbortSignal): Promise<void> {
    let writtenBytes = 0;
    let stalledMs = 0;
    for (let pauseMs = 0; !(writtenBytes === 0 && left.aborted);) {
      const count = this.#tryWrite(bytes.subarray(writtenBytes));
      writtenBytes += count;
      if (writtenBytes === bytes.length) return;
      if (count > 0) stalledMs = pauseMs = 0;
      if (stalledMs >= this.#stalledAfterMs) throw stalled(writtenBytes, bytes.length);
      await Bun.sleep(pauseMs);
      // Pauses are counted, not time: that the reader was asleep together with the agent is not held against it.
      stalledMs += pauseMs;
      pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2 + 1);
    }
  }

  /** How many bytes the pipe had room for. */
  #tryWrite(bytes: Uint8Array): number {
    if (this.#fd === null) throw stdinUnavailable("it is closed");
    if (bytes.length === 0) return 0;
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      if (hasErrorCode(error, "EAGAIN")) return 0;
      if (!hasErrorCode(error, "EPIPE")) throw error;
      this[Symbol.dispose]();
      throw stdinUnavailable("the process has closed it");
    }
  }
}

export const stdinUnavailable = (state: string): AppError =>
  new AppError("STDIN_UNAVAILABLE", `Cannot write to the stdin of the process: ${state}`);

const stalled = (writtenBytes: number, sizeBytes: number): AppError =>
  new AppError(
    "STDIN_STALLED",
    `Cannot write to the stdin of the process: it does not read, ${writtenBytes} of ${sizeBytes} bytes were written`,
  );
