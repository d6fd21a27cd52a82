import { AppError } from "@dormouse/kernel";
import type { ManagedProcess } from "./managed-process.ts";
import { findFamily, findListeners, findSockets } from "./proc-sockets.ts";
import type { WaitSpec } from "./process-request.ts";
import { startFailure } from "./spawn.ts";
import { orTimeout } from "../timers.ts";

/** Where checks are slow, many processes or many waits, they leave most of the time to everything else. */
const PAUSE_PER_CHECK = 4;
const MIN_CHECK_INTERVAL_MS = 20;
const MAX_CHECK_INTERVAL_MS = 200;

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
    const checkedAtMs = performance.now();
    const hasFinished = started.hasFinished;
    const family = findFamily(started.groupId);
    const sockets = findSockets(family);
    // Who listens is asked only when it can matter, as the answer is not cheap.
    if (sockets.size > 0 && ownsAll(sockets, wanted, await findListeners(wanted))) return;
    if (hasFinished && family.size === 0) {
      const reason = `process ended with exit code ${started.exitCode} before it listened`;
      throw startFailure(`${reason} on port ${ports.join(", ")}`);
    }
    const checkMs = performance.now() - checkedAtMs;
    await Bun.sleep(Math.min(MAX_CHECK_INTERVAL_MS, Math.max(MIN_CHECK_INTERVAL_MS, checkMs * PAUSE_PER_CHECK)));
  }
}

function ownsAll(
  sockets: ReadonlySet<string>,
  ports: ReadonlySet<number>,
  listeners: ReadonlyMap<number, ReadonlySet<string>>,
): boolean {
  return [...ports].every((port) => [...(listeners.get(port) ?? [])].some((inode) => sockets.has(inode)));
}

const timeoutError = (reason: string): AppError => new AppError("UNPROCESSABLE", `process timed out ${reason}`);
