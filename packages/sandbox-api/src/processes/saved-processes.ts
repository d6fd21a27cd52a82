import type { ProcessStatus } from "@dormouse/schema";
import { readFileSync } from "node:fs";
import type { SavedLog } from "./output-log.ts";
import type { ProcessSpec } from "./process-request.ts";
import type { SavedStdin } from "./stdin-pipe.ts";

/** What is known of a process, apart from its output. */
export interface ProcessState {
  /** Without its variables once it has finished. */
  spec: ProcessSpec;
  /** OS pid of the first start. */
  pid: number;
  /** Leader of the group that runs now, which a restart changes. */
  groupId: number;
  status: ProcessStatus;
  isKeepAlive: boolean;
  exitCode: number;
  restartCount: number;
  startedAtMs: number;
  completedAtMs: number | null;
  /** When its group is killed; null means never. */
  killAtMs: number | null;
}

/** A `ManagedProcess` as JSON can hold it. */
export interface SavedProcess extends Readonly<ProcessState> {
  /** True in the pause before a restart. */
  readonly isRestartPending: boolean;
  readonly stdin: SavedStdin | null;
  readonly log: SavedLog;
}

/**
 * A `ProcessTable` as JSON can hold it, for the program this one is about to become. It holds the variables of running
 * processes: for its user's eyes only.
 */
export interface SavedProcesses {
  /** Of the agent that saved: only itself, as another program, is the parent of its processes. */
  readonly agentId: string;
  /** How many processes there have been: their logs are numbered. */
  readonly startedCount: number;
  readonly logPlaces: Readonly<Record<string, string>>;
  /** In the order of their first starts. */
  readonly processes: readonly SavedProcess[];
}

/** OS pid and start of this process, which stay the same when its program is replaced. */
export function agentId(): string {
  const stat = readFileSync("/proc/self/stat", "latin1");
  return `${process.pid}-${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`;
}
