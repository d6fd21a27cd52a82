import { AppError } from "@dormouse/kernel";
import { existsSync } from "node:fs";
import type { SandboxApiConfig } from "../config.ts";
import { InheritedChildren } from "./inherited-children.ts";
import { loadLibc } from "./libc.ts";
import { LogBudget } from "./log-budget.ts";
import { LogPlaces } from "./log-places.ts";
import { ManagedProcess } from "./managed-process.ts";
import { OutputLog } from "./output-log.ts";
import type { ProcessSpec } from "./process-request.ts";
import { agentId, type SavedProcesses } from "./saved-processes.ts";
import { startFailure } from "./spawn.ts";
import { StdinPipe } from "./stdin-pipe.ts";

/** How often logs that may still grow are looked at, for their cap. */
const SWEEP_INTERVAL_MS = 5000;

/** How many that have ended, with everything they started, are remembered: the latest ones. */
const MAX_FINISHED = 1000;

/** The processes of one agent in the order they were started, those that have ended too, and their logs. */
export class ProcessTable implements Disposable {
  readonly #config: SandboxApiConfig;
  readonly #places: LogPlaces;
  readonly #budget: LogBudget;
  readonly #all = new Set<ManagedProcess>();
  readonly #byPid = new Map<number, ManagedProcess>();
  readonly #byName = new Map<string, ManagedProcess>();
  /** Those that run, or left something running. */
  readonly #live = new Set<ManagedProcess>();
  readonly #keepAliveChange = new EventTarget();
  #inherited: InheritedChildren | null = null;
  #sweepTimer: Timer | undefined;
  #startedCount = 0;

  /** `logDirectory` is this table's alone; where it cannot be written, logs go elsewhere. */
  constructor(config: SandboxApiConfig, logDirectory: string) {
    this.#config = config;
    this.#places = new LogPlaces(logDirectory);
    this.#budget = new LogBudget(config);
  }

  /**
   * Everything `adopt` needs to go on with the processes of this table in the program that replaces this one (`execve`: same
   * pid, so they stay its children). It changes nothing. An exit that is noticed afterwards is lost to the other program, so
   * nothing may be awaited between this and `replaceProgram`, which hands on the descriptors of open inputs.
   */
  save(): SavedProcesses {
    const processes = [...this.#all].map((entry) => entry.save());
    return { agentId: agentId(), startedCount: this.#startedCount, logPlaces: this.#places.save(), processes };
  }

  /**
   * Goes on with saved processes: their exits, logs, restarts, timeouts and open inputs, as far as the descriptors of those
   * were inherited. To be awaited before anything is started here. @throws {TypeError} when another process saved them.
   */
  async adopt(saved: SavedProcesses): Promise<void> {
    const libc = await loadLibc();
    if (saved.agentId !== agentId() || libc === null) throw new TypeError("these are not the processes of this agent");
    const inherited = new InheritedChildren(libc);
    this.#inherited = inherited;
    this.#startedCount = saved.startedCount;
    this.#places.adopt(saved.logPlaces);
    for (const one of saved.processes) {
      const log = OutputLog.adopt(one.log, this.#config.maxLogFileBytes);
      const stdin = one.stdin === null ? null : StdinPipe.adopt(one.stdin, libc);
      const follow = inherited.follow.bind(inherited);
      this.#add(ManagedProcess.adopt(this.#config, one, { log, stdin, follow }));
    }
  }

  /** @throws {AppError} INVALID_ARGUMENT when the name is taken by a running process, UNPROCESSABLE when it cannot start. */
  start(spec: ProcessSpec): ManagedProcess {
    this.requireFreeName(spec.name);
    if (spec.name.includes("/")) throw startFailure(`the name '${spec.name}' contains a slash`);
    this.#startedCount += 1;
    const log = this.#places.create(String(this.#startedCount), this.#config.maxLogFileBytes);
    try {
      const started = ManagedProcess.start(this.#config, spec, log);
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
    return [...this.#all];
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
    this.#inherited?.[Symbol.dispose]();
    for (const entry of this.#live) entry.log[Symbol.dispose]();
    this.#live.clear();
    this.#places[Symbol.dispose]();
  }

  #add(added: ManagedProcess): void {
    this.#all.add(added);
    this.#byPid.set(added.pid, added);
    this.#byName.set(added.spec.name, added);
    added.log.onGrowth = (bytes) => this.#onGrowth(bytes);
    if (!added.log.isOpen) return;
    this.#live.add(added);
    this.#sweepTimer ??= setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    void this.#onFinished(added);
  }

  #onGrowth(bytes: number): void {
    if (!this.#budget.note(bytes)) return;
    let overBytes = this.#budget.enforce([...this.#all].flatMap((entry) => entry.log.files));
    for (const entry of this.#finished()) {
      if (overBytes <= 0) return;
      for (const file of entry.log.files) overBytes -= file.keptBytes;
      this.#forget(entry);
    }
  }

  /** Those nothing is left of, the oldest first. */
  *#finished(): Generator<ManagedProcess> {
    for (const entry of this.#all) if (!this.#live.has(entry)) yield entry;
  }

  #forget(entry: ManagedProcess): void {
    this.#all.delete(entry);
    if (this.#byPid.get(entry.pid) === entry) this.#byPid.delete(entry.pid);
    if (this.#byName.get(entry.spec.name) === entry) this.#byName.delete(entry.spec.name);
    entry.log.remove();
  }

  async #onFinished(started: ManagedProcess): Promise<void> {
    await started.finished;
    this.#announceKeepAlive();
    // Whoever waits for its end is answered first: to remove two empty files takes a quarter of a millisecond.
    setImmediate(() => this.#releaseIfGone(started));
  }

  #sweep(): void {
    for (const entry of this.#live) {
      entry.log.look();
      this.#releaseIfGone(entry);
    }
  }

  /** Output of background children counts as long as their group lives; afterwards the log takes no descriptors. */
  #releaseIfGone(entry: ManagedProcess): void {
    if (!entry.hasFinished || entry.hasLiveGroup) return;
    entry.log[Symbol.dispose]();
    this.#live.delete(entry);
    if (this.#all.size - this.#live.size > MAX_FINISHED) this.#forgetOldest();
    if (this.#live.size > 0) return;
    clearInterval(this.#sweepTimer);
    this.#sweepTimer = undefined;
  }

  #forgetOldest(): void {
    const { value: oldest } = this.#finished().next();
    if (oldest !== undefined) this.#forget(oldest);
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
