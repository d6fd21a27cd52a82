import { AppError } from "@dormouse/kernel";
import type { ManagedProcess } from "./managed-process.ts";
import { findFamily, findListeners, findSockets } from "./proc-sockets.ts";
import type { WaitSpec } from "./process-request.ts";
import { startFailure } from "./spawn.ts";
import { orTimeout } from "../timers.ts";

const PORT_CHECK_INTERVAL_MS = 20;

/**
 * Waits for the ports first, then for the end, as asked; the timeout bounds both together. The process goes on whatever happens
 * here. @throws {AppError} UNPROCESSABLE on timeout, or when no process is left that could listen.
 */
export async function waitFor(started: ManagedProcess, wait: WaitSpec): Promise<void> {
  const deadlineMs = wait.timeoutSeconds === null ? null : performance.now() + wait.timeoutSeconds * 1000;
  const leftMs = () => (deadlineMs === null ? null : Math.max(0, deadlineMs - performance.now()));
  if (wait.ports.length > 0) {
    const abort = new AbortController();
    const outcome = await orTimeout(waitForPorts(started, wait.ports, abort.signal), leftMs());
    abort.abort();
    if (outcome === "timeout") throw timeoutError(`waiting for ports after ${wait.timeoutSeconds} seconds`);
  }
  if (!wait.isForCompletion) return;
  const outcome = await orTimeout(started.finished, leftMs());
  if (outcome === "timeout") throw timeoutError(`after ${wait.timeoutSeconds} seconds`);
}

/** Resolves once each port has a reachable listener that belongs to the process, its group or their descendants. */
export async function waitForPorts(
  started: ManagedProcess,
  ports: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  const wanted = new Set(ports);
  while (!signal.aborted) {
    const listeners = findListeners(wanted);
    const isListening = listeners.size === wanted.size;
    // The family is read only when it can matter: it costs a walk through /proc.
    const family = isListening || started.hasFinished ? findFamily(started.groupId) : null;
    if (isListening && family !== null && ownsAll(findSockets(family), listeners)) return;
    if (started.hasFinished && family?.size === 0) {
      const missing = ports.filter((port) => !listeners.has(port));
      const which = (missing.length > 0 ? missing : ports).join(", ");
      throw startFailure(`process ended with exit code ${started.exitCode} before it listened on port ${which}`);
    }
    await Bun.sleep(PORT_CHECK_INTERVAL_MS);
  }
}

function ownsAll(sockets: ReadonlySet<string>, listeners: ReadonlyMap<number, ReadonlySet<string>>): boolean {
  return [...listeners.values()].every((inodes) => [...inodes].some((inode) => sockets.has(inode)));
}

const timeoutError = (reason: string): AppError => new AppError("UNPROCESSABLE", `process timed out ${reason}`);
