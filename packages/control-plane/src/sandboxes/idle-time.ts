import { durationMs, type EngineSandbox } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

/** How long a sandbox may be idle before it sleeps: infinite for never, `undefined` for the server's own time. */
export function idleMsOf({ spec }: Pick<SandboxRecord, "spec">): number | undefined {
  const timeout = spec.lifecycle?.idleTimeout;
  if (timeout === undefined) return undefined;
  return timeout === "never" ? Number.POSITIVE_INFINITY : durationMs(timeout);
}

/** From now on requests wake it, and it sleeps when it has been idle for as long as its record says. */
export function lookAfter(
  { life }: Pick<ControlPlaneDeps, "life">,
  record: SandboxRecord,
  sandbox: EngineSandbox,
): void {
  life.track({ ...sandbox, idleMs: idleMsOf(record) });
}
