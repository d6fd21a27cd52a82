import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Cleaning up costs milliseconds the first request should not pay. */
const CLEAN_UP_AFTER_MS = 2000;

/**
 * This run's own folder below `parent`, for its user's eyes only; one in the temporary directory where `parent` cannot be used.
 * Folders of agents that are gone are removed: what they logged belongs to processes that are gone too.
 */
export function createLogDirectory(parent: string): string {
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    setTimeout(removeLeftOvers, CLEAN_UP_AFTER_MS, parent).unref();
    return mkdtempSync(join(parent, `run-${process.pid}-${startTicks(process.pid)}-`));
  } catch {
    return mkdtempSync(join(tmpdir(), "sandbox-api-"));
  }
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
