import type { Libc } from "./libc.ts";
import type { Exit } from "./spawn.ts";

/** Signals can be merged and lost; so often it is looked without one. */
const LOOK_INTERVAL_MS = 5000;
const WNOHANG = 1;
const SIGNAL_MASK = 0x7f;

/**
 * The ends of child processes that the runtime does not know because the program before this one started them: it was replaced,
 * its children stayed.
 */
export class InheritedChildren implements Disposable {
  readonly #libc: Libc;
  readonly #waiting = new Map<number, (exit: Exit) => void>();
  readonly #look = () => this.#reap();
  #timer: Timer | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Calls `onExit` once the child `pid` has ended, also when it has by now; never before this returns. */
  follow(pid: number, onExit: (exit: Exit) => void): void {
    this.#waiting.set(pid, onExit);
    setImmediate(this.#look);
    if (this.#timer !== undefined) return;
    process.on("SIGCHLD", this.#look);
    this.#timer = setInterval(this.#look, LOOK_INTERVAL_MS);
  }

  [Symbol.dispose](): void {
    this.#waiting.clear();
    this.#stop();
  }

  #reap(): void {
    const status = new Int32Array(1);
    for (const [pid, onExit] of this.#waiting) {
      const result = this.#libc.waitpid(pid, status, WNOHANG);
      if (result === 0) continue;
      this.#waiting.delete(pid);
      onExit({ code: result === pid ? exitCodeOf(status[0] ?? 0) : null });
    }
    if (this.#waiting.size === 0) this.#stop();
  }

  #stop(): void {
    process.off("SIGCHLD", this.#look);
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** As wait(2) encodes it. */
const exitCodeOf = (status: number): number | null => ((status & SIGNAL_MASK) === 0 ? (status >> 8) & 0xff : null);
