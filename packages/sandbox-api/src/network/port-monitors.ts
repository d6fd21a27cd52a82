import { AppError, Semaphore } from "@dormouse/kernel";
import { post } from "./callback.ts";
import { listPorts } from "./ports.ts";
import { isListening } from "./socket-table.ts";

const CHECK_INTERVAL_MS = 500;
const MAX_MONITORS = 100;
const MAX_POSTS_AT_ONCE = 8;

interface Monitor {
  /** As the client named the process. */
  readonly pid: number;
  readonly callback: URL;
  readonly seenPorts: Set<number>;
  readonly end: AbortController;
}

/** What a monitor has to know of the process it watches. */
export interface WatchedProcess {
  readonly groupId: number;
  readonly hasEnded: boolean;
}

/** Tells callbacks of every port a process begins to listen on, those it has already included, until it ends. */
export class PortMonitors implements Disposable {
  readonly #find: (pid: number) => WatchedProcess;
  readonly #monitors = new Set<Monitor>();
  readonly #posts = new Semaphore(MAX_POSTS_AT_ONCE);
  #timer: Timer | null = null;
  #isChecking = false;

  constructor(find: (pid: number) => WatchedProcess) {
    this.#find = find;
  }

  /** A callback a process has already counts once. @throws {AppError} UNPROCESSABLE when there are too many. */
  start(pid: number, callback: URL): void {
    for (const monitor of this.#monitors) if (monitor.pid === pid && monitor.callback.href === callback.href) return;
    if (this.#monitors.size >= MAX_MONITORS) {
      throw new AppError("UNPROCESSABLE", `Cannot start monitoring: ${MAX_MONITORS} monitors are running`);
    }
    this.#monitors.add({ pid, callback, seenPorts: new Set(), end: new AbortController() });
    this.#timer ??= setInterval(() => void this.#check(), CHECK_INTERVAL_MS);
    void this.#check();
  }

  /** Removes all callbacks of the process. Idempotent. */
  stop(pid: number): void {
    for (const monitor of this.#monitors) if (monitor.pid === pid) this.#remove(monitor);
  }

  [Symbol.dispose](): void {
    for (const monitor of this.#monitors) this.#remove(monitor);
  }

  #remove(monitor: Monitor): void {
    this.#monitors.delete(monitor);
    monitor.end.abort();
    if (this.#monitors.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Where it takes longer than the interval, the next one waits for its turn. */
  async #check(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      for (const pid of new Set([...this.#monitors].map((monitor) => monitor.pid))) await this.#checkProcess(pid);
    } finally {
      this.#isChecking = false;
    }
  }

  async #checkProcess(pid: number): Promise<void> {
    const { groupId, hasEnded } = this.#find(pid);
    const ports = (await listPorts(groupId)).filter(isListening).map(({ localPort }) => localPort);
    for (const monitor of this.#monitors) {
      if (monitor.pid === pid) this.#report(monitor, ports);
    }
    if (hasEnded) this.stop(pid);
  }

  #report(monitor: Monitor, ports: readonly number[]): void {
    const { pid, callback, seenPorts, end } = monitor;
    for (const port of ports) {
      if (seenPorts.has(port)) continue;
      seenPorts.add(port);
      void this.#posts.run(() => post(callback, { pid, port }, end.signal));
    }
  }
}
