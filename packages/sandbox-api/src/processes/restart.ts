import type { ProcessSpec } from "./process-request.ts";

/** Between a failure and the next attempt. */
export const RESTART_PAUSE_MS = 1000;

/** True when a failure of a process that was restarted `restartCount` times leads to another attempt. */
export function mayRestart(spec: ProcessSpec, restartCount: number): boolean {
  return spec.isRestartedOnFailure && (spec.maxRestarts < 0 || restartCount < spec.maxRestarts);
}

/** What the log says before attempt `attempt`. */
export function restartNotice(exitCode: number, attempt: number, maxRestarts: number): string {
  const of = maxRestarts < 0 ? "unlimited" : String(maxRestarts);
  return `\n[Process failed with exit code ${exitCode}. Attempting restart ${attempt}/${of}...]\n`;
}
