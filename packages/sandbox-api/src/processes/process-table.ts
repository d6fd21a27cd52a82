import { AppError } from "@dormouse/kernel";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SandboxApiConfig } from "../config.ts";
import { systemErrorText } from "../http.ts";
import { ManagedProcess } from "./managed-process.ts";
import { OutputLog } from "./output-log.ts";
import type { ProcessSpec } from "./process-request.ts";
import { startFailure } from "./spawn.ts";

/** How often logs that may still grow are looked at, for their cap. */
const SWEEP_INTERVAL_MS = 5000;

/** Every process ever started, in order, and the logs that are still written. */
export class ProcessTable implements Disposable {
  readonly #config: SandboxApiConfig;
  readonly #logDirectory: string;
  readonly #all: ManagedProcess[] = [];
  readonly #byPid = new Map<number, ManagedProcess>();
  readonly #byName = new Map<string, ManagedProcess>();
  /** Those that run, or left something running. */
  readonly #live = new Set<ManagedProcess>();
  readonly #keepAliveChange = new EventTarget();
  #sweepTimer: Timer | undefined;
  #startedCount = 0;

  /** `logDirectory` exists and is this table's alone. */
  constructor(config: SandboxApiConfig, logDirectory: string) {
    this.#config = config;
    this.#logDirectory = logDirectory;
  }

  /** @throws {AppError} INVALID_ARGUMENT when the name is taken by a running process, UNPROCESSABLE when it cannot start. */
  start(spec: ProcessSpec): ManagedProcess {
    this.requireFreeName(spec.name);
    if (spec.name.includes("/")) throw startFailure(`the name '${spec.name}' contains a slash`);
    const log = this.#createLog();
    try {
      const started = new ManagedProcess(this.#config, spec, log);
      this.#add(started);
      return started;
    } catch (error) {
      log[Symbol.dispose]();
      throw error;
    }
  }

  /** @throws {AppError} INVALID_ARGUMENT when a running process has this name. */
  requireFreeName(name: string): void {
    if (this.#byName.get(name)?.status !== "running") return;
    throw new AppError("INVALID_ARGUMENT", `process with name '${name}' already exists and is running`);
  }

  /** By pid when `id` is a number, else the latest with that name. @throws {AppError} PROCESS_NOT_FOUND */
  get(id: string): ManagedProcess {
    const found = /^[+-]?\d+$/.test(id) ? this.#byPid.get(Number(id)) : this.#byName.get(id);
    if (found === undefined) throw new AppError("PROCESS_NOT_FOUND", "process not found");
    return found;
  }

  list(): readonly ManagedProcess[] {
    return this.#all;
  }

  /** @throws {AppError} PROCESS_NOT_FOUND, also when it does not run. */
  stop(id: string): void {
    const found = this.get(id);
    if (found.status !== "running") {
      throw new AppError("PROCESS_NOT_FOUND", `process with Identifier ${id} is not running`);
    }
    found.stop();
    this.#announceKeepAlive();
  }

  /** @throws {AppError} PROCESS_NOT_FOUND, also when nothing of it is left. */
  async kill(id: string): Promise<void> {
    const found = this.get(id);
    const isKilled = !this.#isGroupReused(found) && (await found.kill());
    this.#announceKeepAlive();
    if (!isKilled) throw new AppError("PROCESS_NOT_FOUND", `failed to kill process ${id}: no such process`);
  }

  get keepAliveCount(): number {
    let count = 0;
    for (const entry of this.#live) if (entry.isKeepAlive && !entry.hasFinished) count += 1;
    return count;
  }

  /** Resolves as soon as no keepAlive process runs, or when `signal` aborts. */
  async untilNoKeepAlive(signal: AbortSignal): Promise<void> {
    while (this.keepAliveCount > 0 && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#keepAliveChange.addEventListener("change", () => resolve(), { once: true, signal });
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
  }

  /** Lets go of the logs; processes are not signalled. */
  [Symbol.dispose](): void {
    clearInterval(this.#sweepTimer);
    for (const entry of this.#live) entry.log[Symbol.dispose]();
    this.#live.clear();
  }

  #createLog(): OutputLog {
    this.#startedCount += 1;
    try {
      return new OutputLog(join(this.#logDirectory, String(this.#startedCount)), this.#config.maxLogFileBytes);
    } catch (cause) {
      throw startFailure(`cannot create its log: ${systemErrorText(cause)}`);
    }
  }

  #add(started: ManagedProcess): void {
    this.#all.push(started);
    this.#byPid.set(started.pid, started);
    this.#byName.set(started.spec.name, started);
    this.#live.add(started);
    this.#sweepTimer ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    void this.#onFinished(started);
  }

  async #onFinished(started: ManagedProcess): Promise<void> {
    await started.finished;
    this.#announceKeepAlive();
    this.#forgetIfGone(started);
  }

  #sweep(): void {
    for (const entry of this.#live) {
      entry.log.look();
      this.#forgetIfGone(entry);
    }
  }

  /** Output of background children counts as long as their group lives; afterwards the log takes no descriptors. */
  #forgetIfGone(entry: ManagedProcess): void {
    if (!entry.hasFinished || entry.hasLiveGroup) return;
    entry.log[Symbol.dispose]();
    this.#live.delete(entry);
    if (this.#live.size > 0) return;
    clearInterval(this.#sweepTimer);
    this.#sweepTimer = undefined;
  }

  /** A group keeps its number from being given away; once it was empty, a process of that number is somebody else's. */
  #isGroupReused(entry: ManagedProcess): boolean {
    if (!entry.hasFinished) return false;
    return !this.#live.has(entry) || existsSync(`/proc/${entry.groupId}`);
  }

  #announceKeepAlive(): void {
    this.#keepAliveChange.dispatchEvent(new Event("change"));
  }
}
