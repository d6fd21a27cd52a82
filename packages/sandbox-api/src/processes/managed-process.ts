import type { ProcessStatus } from "@dormouse/schema";
import type { SandboxApiConfig } from "../config.ts";
import type { OutputLog } from "./output-log.ts";
import type { ProcessSpec } from "./process-request.ts";
import { mayRestart, RESTART_PAUSE_MS, restartNotice } from "./restart.ts";
import { type Exit, signalGroup, spawnShell } from "./spawn.ts";
import { after, orTimeout } from "../timers.ts";

/** Until then a process may end without anyone having looked at its output. */
const WATCH_AFTER_MS = 20;
/** How long `kill` waits for the kernel to have done it. */
const KILL_WAIT_MS = 1000;

const SIGNALLED_EXIT_CODE = -1;

/** Texts collected since the last `take`, empty when there were none. */
export interface NoticeWatch extends Disposable {
  take(): string;
}

/** One process from its start to the end of its last restart. What the agent remembers of it stays small and bounded. */
export class ManagedProcess {
  /** OS pid of the first start: its name towards clients. */
  readonly pid: number;
  readonly log: OutputLog;
  /** Resolves when it has ended for good. */
  readonly finished: Promise<void>;
  status: ProcessStatus = "running";
  isKeepAlive: boolean;
  exitCode = 0;
  restartCount = 0;
  startedAtMs = Date.now();
  completedAtMs: number | null = null;

  readonly #config: SandboxApiConfig;
  #spec: ProcessSpec;
  /** Leader of the group that runs now, which a restart changes. */
  #groupId: number;
  #pendingRestart: Disposable | null = null;
  #killTimer: Disposable | null = null;
  #watchTimer: Disposable | null;
  readonly #finished = Promise.withResolvers<void>();
  readonly #noticeListeners = new Set<(notice: string) => void>();

  /** Starts it. @throws {AppError} UNPROCESSABLE, and then `log` is still the caller's. */
  constructor(config: SandboxApiConfig, spec: ProcessSpec, log: OutputLog) {
    this.#config = config;
    this.#spec = spec;
    this.log = log;
    this.finished = this.#finished.promise;
    this.isKeepAlive = spec.isKeepAlive;
    this.#groupId = this.#spawn();
    this.pid = this.#groupId;
    this.#watchTimer = after(WATCH_AFTER_MS, () => log.startWatching());
  }

  get spec(): ProcessSpec {
    return this.#spec;
  }

  /** Leader of the group it runs in, or ran in last. */
  get groupId(): number {
    return this.#groupId;
  }

  get hasFinished(): boolean {
    return this.completedAtMs !== null;
  }

  /** True while anything it started, and that did not leave its group, is alive. */
  get hasLiveGroup(): boolean {
    return signalGroup(this.#groupId, 0);
  }

  /** Asks the group to end. The status is set first, so its exit is not taken for a failure. */
  stop(): void {
    this.status = "stopped";
    this.#notify("\n[Process is being gracefully terminated]\n");
    this.#release();
    if (this.#cancelRestart()) return;
    signalGroup(this.#groupId, "SIGTERM");
  }

  /** Ends the group, also what a finished process left of it. Resolves once it is gone; false when nothing was there. */
  async kill(): Promise<boolean> {
    const hadRestart = this.#cancelRestart("killed");
    if (!hadRestart && !signalGroup(this.#groupId, "SIGKILL")) return false;
    this.status = "killed";
    if (!this.hasFinished) this.exitCode = SIGNALLED_EXIT_CODE;
    this.#notify("\n[Process is being forcefully killed]\n");
    this.#release();
    await orTimeout(this.finished, KILL_WAIT_MS);
    return true;
  }

  /** Collects, from now on, texts meant for those who watch at that time: they are not part of the log. */
  watchNotices(): NoticeWatch {
    let collected = "";
    const collect = (notice: string) => {
      collected += notice;
    };
    this.#noticeListeners.add(collect);
    const take = () => {
      const taken = collected;
      collected = "";
      return taken;
    };
    return { take, [Symbol.dispose]: () => void this.#noticeListeners.delete(collect) };
  }

  #spawn(): number {
    this.startedAtMs = Date.now();
    this.#killTimer = after(this.#spec.killAfterMs, () => void this.kill());
    try {
      return spawnShell(this.#config, this.#spec, this.log.descriptors, (exit) => this.#onExit(exit));
    } catch (error) {
      this.#killTimer[Symbol.dispose]();
      throw error;
    }
  }

  #onExit({ code }: Exit): void {
    this.#killTimer?.[Symbol.dispose]();
    this.exitCode = code ?? SIGNALLED_EXIT_CODE;
    if (this.status === "running" && code !== 0 && mayRestart(this.#spec, this.restartCount)) {
      this.#scheduleRestart();
      return;
    }
    if (this.status === "running") this.status = code === 0 ? "completed" : "failed";
    if (this.status === "stopped" && code === 0) this.status = "completed";
    if (this.status === "killed") this.exitCode = SIGNALLED_EXIT_CODE;
    this.#finish();
  }

  #scheduleRestart(): void {
    this.restartCount += 1;
    this.log.append("stdout", restartNotice(this.exitCode, this.restartCount, this.#spec.maxRestarts));
    this.#pendingRestart = after(RESTART_PAUSE_MS, () => this.#restart());
  }

  #restart(): void {
    this.#pendingRestart = null;
    this.exitCode = 0;
    try {
      this.#groupId = this.#spawn();
    } catch (error) {
      this.log.append("stderr", `${error instanceof Error ? error.message : String(error)}\n`);
      this.status = "failed";
      this.exitCode = SIGNALLED_EXIT_CODE;
      this.#finish();
    }
  }

  /** True when a restart was pending: the process is between two lives and ends here. */
  #cancelRestart(status: ProcessStatus = "stopped"): boolean {
    if (this.#pendingRestart === null) return false;
    this.#pendingRestart[Symbol.dispose]();
    this.#pendingRestart = null;
    this.status = status;
    this.#finish();
    return true;
  }

  #finish(): void {
    this.#watchTimer?.[Symbol.dispose]();
    this.#watchTimer = this.#killTimer = null;
    this.completedAtMs = Date.now();
    this.#spec = { ...this.#spec, env: {} };
    this.log.end();
    this.#finished.resolve();
  }

  /** Someone ended it: it no longer keeps the sandbox awake. */
  #release(): void {
    this.isKeepAlive = false;
    this.#killTimer?.[Symbol.dispose]();
  }

  #notify(notice: string): void {
    for (const listener of this.#noticeListeners) listener(notice);
  }
}
