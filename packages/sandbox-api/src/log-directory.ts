import { lchownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Cleaning up costs milliseconds the first request should not pay. */
const CLEAN_UP_AFTER_MS = 2000;

export interface DirectoryOwner {
  readonly uid: number;
  readonly gid: number;
}

/** This run's own folder, which belongs to whoever the agent is. */
export interface LogFolder {
  readonly parent: string;
  readonly isParentNew: boolean;
  readonly path: string;
}

/**
 * This run's own folder below `parent`, for its owner's eyes only; one in the temporary directory where `parent` cannot be
 * used. Without `owner` it belongs to whoever the agent is. Folders of agents that are gone are removed: what they logged
 * belongs to processes that are gone too. `ahead` is used if it lies there, and else removed.
 */
export function createLogDirectory(parent: string, owner: DirectoryOwner | null, ahead?: LogFolder): string {
  try {
    if (ahead?.parent === parent) return handOver(ahead, owner);
    if (ahead !== undefined) removeUnused(ahead);
    return handOver(makeLogFolder(parent), owner);
  } catch {
    return owned(mkdtempSync(join(tmpdir(), "sandbox-api-")), owner);
  }
}

/** @throws an errno error where there cannot be one */
export function makeLogFolder(parent: string): LogFolder {
  // Others pass through but cannot look: the folder inside is the one they own.
  const isParentNew = mkdirSync(parent, { recursive: true, mode: 0o711 }) !== undefined;
  const path = mkdtempSync(join(parent, `run-${process.pid}-${startTicks(process.pid)}-`));
  return { parent, isParentNew, path };
}

function handOver({ parent, isParentNew, path }: LogFolder, owner: DirectoryOwner | null): string {
  if (isParentNew) owned(parent, owner);
  setTimeout(removeLeftOvers, CLEAN_UP_AFTER_MS, parent).unref();
  return owned(path, owner);
}

function removeUnused({ parent, isParentNew, path }: LogFolder): void {
  rmdirSync(path);
  if (isParentNew) rmdirSync(parent);
}

/** Never through a link: whoever owns the parent could put one there. */
function owned(directory: string, owner: DirectoryOwner | null): string {
  if (owner !== null) lchownSync(directory, owner.uid, owner.gid);
  return directory;
}

function removeLeftOvers(parent: string): void {
  try {
    for (const name of readdirSync(parent)) {
      if (isLeftOver(name)) rmSync(join(parent, name), { recursive: true, force: true });
    }
  } catch {
    // The next start tries again.
  }
}

/** Pids are given again, and after a restart the agent's is often the same: its start time tells the runs apart. */
function isLeftOver(name: string): boolean {
  const [, pid, ticks] = /^run-(\d+)-(\d+)-/.exec(name) ?? [];
  return pid !== undefined && startTicks(Number(pid)) !== ticks;
}

/** When a process started, as the kernel counts; undefined when there is none. */
function startTicks(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
