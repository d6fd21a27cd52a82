import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { UpgradeStatus } from "@dormouse/schema";
import type { EnvironmentDocument } from "../environment/environment.ts";
import type { Identity } from "../identity/accounts.ts";
import type { SavedProgram } from "../image-programs.ts";
import type { SavedProcesses } from "../processes/saved-processes.ts";

/** What an agent is and does, as the executable that takes its place goes on with it. */
export interface AgentState {
  readonly port: number;
  readonly startDirectory: string;
  readonly logDirectory: string;
  /** Null when it is who started it. */
  readonly identity: Identity | null;
  /** Of the last reload of the environment; null when there was none. */
  readonly environment: EnvironmentDocument | null;
  readonly programs: readonly SavedProgram[];
  readonly processes: SavedProcesses;
}

/** How a process came to be the agent it is now. */
export interface UpgradeHistory {
  /** How often it was replaced. */
  readonly count: number;
  readonly status: UpgradeStatus;
}

/** What the executable that takes over finds: without `state` it starts afresh, and `history` says why. */
export interface Takeover {
  readonly history: UpgradeHistory;
  readonly state: AgentState | null;
}

interface StateFile {
  readonly format: number;
  readonly history: UpgradeHistory;
  readonly state: AgentState;
}

const FORMAT = 1;

/** Writes for the agent's eyes only: the state holds the variables of running processes. @throws an errno error */
export function writeTakeover(path: string, history: UpgradeHistory, state: AgentState): void {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const file: StateFile = { format: FORMAT, history, state };
  // Fails where somebody has put a file or a link there meanwhile.
  writeFileSync(path, JSON.stringify(file), { flag: "wx", mode: 0o600 });
}

/** Reads what the agent before this one has written, and removes it. */
export function readTakeover(path: string): Takeover {
  try {
    const { format, history, state } = JSON.parse(readFileSync(path, "utf8")) as StateFile;
    if (format === FORMAT) return { history, state };
    throw new TypeError(`it has format ${format} instead of ${FORMAT}`);
  } catch (error) {
    const reason = `Cannot read the state of the agent before: ${error instanceof Error ? error.message : String(error)}`;
    return {
      history: { count: 1, status: { status: "failed", step: "replace", version: "", error: reason } },
      state: null,
    };
  } finally {
    rmSync(path, { force: true });
  }
}
