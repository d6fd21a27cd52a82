import type { ProcessStatus } from "@dormouse/schema";
import { closeSync } from "node:fs";
import type { SandboxApiConfig } from "../config.ts";
import { after, orTimeout } from "../timers.ts";
import type { OutputLog } from "./output-log.ts";
import type { ProcessSpec } from "./process-request.ts";
import { mayRestart, RESTART_PAUSE_MS, restartNotice } from "./restart.ts";
import type { ProcessState, SavedProcess } from "./saved-processes.ts";
import { type Exit, signalGroup, spawnShell } from "./spawn.ts";
import { StdinPipe, stdinUnavailable } from "./stdin-pipe.ts";

/** Until then a process may end without anyone having looked at its output. */
const WATCH_AFTER_MS = 20;
/** How long `kill` waits for the kernel to have done it. */
const KILL_WAIT_MS = 1000;

const SIGNALLED_EXIT_CODE = -1;

/** Texts collected since the last `take`, empty when there were none. */
export interface NoticeWatch extends Disposable {
  take(): string;
}

/** What a process of the agent before this one goes on with. */
export interface Adoption {
  readonly log: OutputLog;
  readonly stdin: StdinPipe | null;
  /** Tells the end of the child process `pid`, later. */
  readonly follow: (pid: number, onExit: (exit: Exit) => void) => void;
}

/** One process from its start to the end of its last restart. What the agent remembers of it stays small and bounded. */
export class ManagedProcess {
  readonly log: OutputLog;
  /** Resolves when it has ended for good. */
  readonly finished: Promise<void>;

  readonly #config: SandboxApiConfig;
  readonly #state: ProcessState;
  #stdin: StdinPipe | null = null;
  #pendingRestart: Disposable | null = null;
  #killTimer: Disposable | null = null;
  #watchTimer: Disposable | null = null;
  readonly #finished = Promise.withResolvers<void>();
  readonly #noticeListeners = new Set<(notice: string) => void>();

  private constructor(config: SandboxApiConfig, state: ProcessState, log: OutputLog) {
    this.#config = config;
    this.#state = state;
    this.log = log;
    this.finished = this.#finished.promise;
  }

  /** @throws {AppError} UNPROCESSABLE, and then `log` is still the caller's. */
  static start(config: SandboxApiConfig, spec: ProcessSpec, log: OutputLog): ManagedProcess {
    const state: ProcessState = {
      spec,
      pid: 0,
      groupId: 0,
      status: "running",
      isKeepAlive: spec.isKeepAlive,
      exitCode: 0,
      restartCount: 0,
      startedAtMs: 0,
      completedAtMs: null,
      killAtMs: null,
    };
    const started = new ManagedProcess(config, state, log);
    started.#spawn();
    state.pid = state.groupId;
    started.#watchTimer = after(WATCH_AFTER_MS, () => log.startWatching());
    return started;
  }

  /** Continues a process this agent has inherited. */
  static adopt(config: SandboxApiConfig, saved: SavedProcess, { log, stdin, follow }: Adoption): ManagedProcess {
    const { isRestartPending, stdin: _savedStdin, log: _savedLog, ...state } = saved;
    const adopted = new ManagedProcess(config, state, log);
    if (state.completedAtMs !== null) {
      adopted.#finished.resolve();
      return adopted;
    }
    adopted.#stdin = stdin;
    log.startWatching();
    if (isRestartPending) adopted.#pendingRestart = after(RESTART_PAUSE_MS, () => adopted.#restart());
    else follow(state.groupId, (exit) => adopted.#onExit(exit));
    if (!isRestartPending) adopted.#armKillTimer();
    return adopted;
  }

  save(): SavedProcess {
    const isRestartPending = this.#pendingRestart !== null;
    return { ...this.#state, isRestartPending, stdin: this.#stdin?.save() ?? null, log: this.log.save() };
  }

  get spec(): ProcessSpec {
    return this.#state.spec;
  }

  /** OS pid of the first start: its name towards clients. */
  get pid(): number {
    return this.#state.pid;
  }

  /** Leader of the group it runs in, or ran in last. */
  get groupId(): number {
    return this.#state.groupId;
  }

  get status(): ProcessStatus {
    return this.#state.status;
  }

  get isKeepAlive(): boolean {
    return this.#state.isKeepAlive;
  }

  get exitCode(): number {
    return this.#state.exitCode;
  }

  get restartCount(): number {
    return this.#state.restartCount;
  }

  get startedAtMs(): number {
    return this.#state.startedAtMs;
  }

  get completedAtMs(): number | null {
    return this.#state.completedAtMs;
  }

  get hasFinished(): boolean {
    return this.completedAtMs !== null;
  }

  /** True while anything it started, and that did not leave its group, is alive. */
  get hasLiveGroup(): boolean {
    return signalGroup(this.groupId, 0);
  }

  /** Its open input. @throws {AppError} STDIN_UNAVAILABLE when it was started without one, or has ended. */
  get stdin(): StdinPipe {
    if (!this.spec.hasStdin) throw stdinUnavailable("it was started without one");
    if (this.#stdin === null) throw stdinUnavailable("the process has ended");
    return this.#stdin;
  }

  /** Its input ends. Idempotent. @throws {AppError} STDIN_UNAVAILABLE when it was started without one. */
  closeStdin(): void {
    if (!this.spec.hasStdin) throw stdinUnavailable("it was started without one");
    this.#stdin?.[Symbol.dispose]();
  }

  /** Asks the group to end. The status is set first, so its exit is not taken for a failure. */
  stop(): void {
    this.#state.status = "stopped";
    this.#notify("\n[Process is being gracefully terminated]\n");
    this.#release();
    if (this.#cancelRestart()) return;
    signalGroup(this.groupId, "SIGTERM");
  }

  /** Ends the group, also what a finished process left of it. Resolves once it is gone; false when nothing was there. */
  async kill(): Promise<boolean> {
    const hadRestart = this.#cancelRestart("killed");
    if (!hadRestart && !signalGroup(this.groupId, "SIGKILL")) return false;
    this.#state.status = "killed";
    if (!this.hasFinished) this.#state.exitCode = SIGNALLED_EXIT_CODE;
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

  #spawn(): void {
    const { spec } = this.#state;
    const stdin = spec.hasStdin ? StdinPipe.open() : null;
    const stdio = stdin === null ? this.log.descriptors : { ...this.log.descriptors, stdin: stdin.readFd };
    try {
      this.#state.groupId = spawnShell(this.#config, spec, stdio, (exit) => this.#onExit(exit));
    } catch (error) {
      stdin?.pipe[Symbol.dispose]();
      throw error;
    } finally {
      if (stdin !== null) closeSync(stdin.readFd);
    }
    this.#stdin = stdin?.pipe ?? null;
    this.#state.startedAtMs = Date.now();
    this.#state.killAtMs = spec.killAfterMs === null ? null : this.startedAtMs + spec.killAfterMs;
    this.#armKillTimer();
  }

  #armKillTimer(): void {
    const { killAtMs } = this.#state;
    const delayMs = killAtMs === null ? null : Math.max(0, killAtMs - Date.now());
    this.#killTimer = after(delayMs, () => void this.kill());
  }

  #onExit({ code }: Exit): void {
    const state = this.#state;
    this.#disarm();
    this.#stdin?.[Symbol.dispose]();
    this.#stdin = null;
    state.exitCode = code ?? SIGNALLED_EXIT_CODE;
    if (state.status === "running" && code !== 0 && mayRestart(state.spec, state.restartCount)) {
      this.#scheduleRestart();
      return;
    }
    if (state.status === "running") state.status = code === 0 ? "completed" : "failed";
    if (state.status === "stopped" && code === 0) state.status = "completed";
    if (state.status === "killed") state.exitCode = SIGNALLED_EXIT_CODE;
    this.#finish();
  }

  #scheduleRestart(): void {
    this.#state.restartCount += 1;
    this.log.append("stdout", restartNotice(this.exitCode, this.restartCount, this.spec.maxRestarts));
    this.#pendingRestart = after(RESTART_PAUSE_MS, () => this.#restart());
  }

  #restart(): void {
    this.#pendingRestart = null;
    this.#state.exitCode = 0;
    try {
      this.#spawn();
    } catch (error) {
      this.log.append("stderr", `${error instanceof Error ? error.message : String(error)}\n`);
      this.#state.status = "failed";
      this.#state.exitCode = SIGNALLED_EXIT_CODE;
      this.#finish();
    }
  }

  /** True when a restart was pending: the process is between two lives and ends here. */
  #cancelRestart(status: ProcessStatus = "stopped"): boolean {
    if (this.#pendingRestart === null) return false;
    this.#pendingRestart[Symbol.dispose]();
    this.#pendingRestart = null;
    this.#state.status = status;
    this.#finish();
    return true;
  }

  #finish(): void {
    this.#watchTimer?.[Symbol.dispose]();
    this.#watchTimer = null;
    this.#state.completedAtMs = Date.now();
    this.#state.spec = { ...this.spec, env: {} };
    this.log.end();
    this.#finished.resolve();
  }

  /** Someone ended it: it no longer keeps the sandbox awake. */
  #release(): void {
    this.#state.isKeepAlive = false;
    this.#disarm();
  }

  #disarm(): void {
    this.#killTimer?.[Symbol.dispose]();
    this.#killTimer = null;
    this.#state.killAtMs = null;
  }

  #notify(notice: string): void {
    for (const listener of this.#noticeListeners) listener(notice);
  }
}
