import type { UpgradeStatus } from "@dormouse/schema";
import { rmSync } from "node:fs";
import { type Libc, loadLibc } from "../processes/libc.ts";
import { replaceProgram } from "../processes/replace-program.ts";
import { probeVersion } from "./executable.ts";
import { type AgentState, type UpgradeHistory, writeTakeover } from "./saved-state.ts";

/** An executable and its arguments. */
export type Command = readonly [string, ...string[]];

/** What an upgrade needs of the agent it replaces. */
export interface UpgradeSubject {
  /** Starts an agent like this one. */
  command(): Command;
  /** The agent's own environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the state waits for the next agent. */
  readonly statePath: string;
  /** Resolves when no request is under way, or after `timeoutMs`. */
  untilQuiet(timeoutMs: number): Promise<void>;
  save(): AgentState;
}

/** Names the file with the state to the executable that takes over. */
export const STATE_VARIABLE = "DORMOUSE_UPGRADE_STATE";
/** The descriptor is a promise kept once. */
const READY_VARIABLE = "DORMOUSE_READY_FD";
/** For the answer to be on its way. */
const START_AFTER_MS = 50;
/** How long requests under way may take before they are cut. */
const QUIET_WITHIN_MS = 2000;

/** Of an agent that is the first of its process. */
export const NEVER_UPGRADED: UpgradeHistory = { count: 0, status: { status: "idle", step: "none", version: "" } };

/**
 * Replaces the running agent by the executable it was started from, as the platform has it now. The process stays the same, so
 * its children stay its own. Nothing is downloaded, whoever asks (D-22, R-16). Whatever fails, this agent goes on.
 */
export class Upgrade {
  readonly #subject: UpgradeSubject;
  readonly #count: number;
  #status: UpgradeStatus;

  constructor(subject: UpgradeSubject, history: UpgradeHistory) {
    this.#subject = subject;
    this.#count = history.count;
    this.#status = history.status;
  }

  /** How often this process has been replaced. */
  get count(): number {
    return this.#count;
  }

  get status(): UpgradeStatus {
    return this.#status;
  }

  /** False when one is under way already. Its outcome is seen in `status`, and in `count` of the agent that follows. */
  start(): boolean {
    if (this.#status.status === "running") return false;
    const lastAttempt = new Date().toISOString();
    this.#status = { status: "running", step: "starting", version: "", lastAttempt };
    setTimeout(() => void this.#run(), START_AFTER_MS);
    return true;
  }

  async #run(): Promise<void> {
    try {
      const command = this.#subject.command();
      this.#note({ step: "validate", binaryPath: command[0] });
      const version = await probeVersion(command, this.#subject.env);
      this.#note({ step: "replace", version });
      const libc = await loadLibc();
      if (libc === null) throw new Error("the agent has no access to system calls here");
      await this.#subject.untilQuiet(QUIET_WITHIN_MS);
      this.#replace(libc, command);
    } catch (error) {
      this.#note({ status: "failed", error: error instanceof Error ? error.message : String(error) });
    }
  }

  /**
   * In one go, so that nothing happens between saving and the exec. Sockets are closed by the exec itself: when it fails,
   * nobody has noticed.
   */
  #replace(libc: Libc, command: Command): void {
    const { env, statePath } = this.#subject;
    const status = { ...this.#status, status: "completed", step: "completed" } as const;
    const state = this.#subject.save();
    const inherited = state.processes.processes.flatMap(({ stdin }) => stdin?.fd ?? []);
    try {
      writeTakeover(statePath, { count: this.#count + 1, status }, state);
      // The runtime does not start in a folder that is gone, and the agent's may be.
      process.chdir("/");
      replaceProgram(libc, { argv: command, env: successorVariables(env, statePath), inherited });
    } finally {
      rmSync(statePath, { force: true });
      tryToEnter(state.startDirectory);
    }
  }

  #note(change: Partial<UpgradeStatus>): void {
    this.#status = { ...this.#status, ...change };
  }
}

function successorVariables(env: UpgradeSubject["env"], statePath: string): Record<string, string> {
  const variables: Record<string, string> = { [STATE_VARIABLE]: statePath };
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && name !== READY_VARIABLE && name !== STATE_VARIABLE) variables[name] = value;
  }
  return variables;
}

function tryToEnter(directory: string): void {
  try {
    process.chdir(directory);
  } catch {
    // It is gone; nothing depends on it.
  }
}
