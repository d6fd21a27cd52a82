import { toAppError } from "@dormouse/kernel";
import type { EngineSandbox, SandboxId } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { recoverVolumeTemplates } from "../volume-templates/recover-templates.ts";
import { recoverVolumes } from "../volumes/recover-volumes.ts";
import type { SandboxContext } from "./context.ts";
import { happened, withEvent } from "./events.ts";
import { followExpiry } from "./expire-sandbox.ts";
import { noteRestart } from "./note-restart.ts";

/**
 * Brings store and engine together at start, before the first request. A creation or deletion that was cut off is taken back
 * or finished, an engine sandbox nobody knows is removed unless the store knows none at all, and a record whose sandbox vanished
 * becomes FAILED. What has expired meanwhile goes at once.
 * @throws {AppError} ENGINE_UNAVAILABLE
 */
export async function recover(deps: SandboxContext): Promise<void> {
  const running = new Map((await deps.engine.list()).map((sandbox) => [sandbox.id, sandbox]));
  const records = await deps.store.sandboxes.all();
  if (records.length === 0 && running.size > 0) {
    deps.log.error({
      event: "sandbox.recover",
      outcome: "refused",
      reason: "the store is empty, the engine is not",
      count: running.size,
    });
    return;
  }
  for (const record of records) {
    const sandbox = running.get(record.id);
    running.delete(record.id);
    await settle(deps, record, sandbox);
  }
  for (const id of running.keys()) {
    if (await removeFromEngine(deps, id)) deps.log.warn({ event: "sandbox.recover", outcome: "orphan removed", id });
  }
  await recoverVolumes(deps);
  await recoverVolumeTemplates(deps);
}

async function settle(deps: SandboxContext, record: SandboxRecord, sandbox: EngineSandbox | undefined): Promise<void> {
  const { store, directory, log } = deps;
  const about = { event: "sandbox.recover", sandbox: record.name, workspace: record.workspace };
  if (record.status === "DELETING" || (record.status === "DEPLOYING" && !wasDeployed(record))) {
    // Also one the engine does not list: it may still be creating it for the server that died, and finishes that first.
    if (!(await removeFromEngine(deps, record.id))) return;
    await store.sandboxes.remove(record.id);
    directory.removeSandbox(record);
    log.warn({ ...about, outcome: "removed", status: record.status });
    return;
  }
  const isIntact = sandbox !== undefined && record.status !== "DEPLOYING";
  if (isLive(record) && !isIntact) {
    if (sandbox !== undefined) await removeFromEngine(deps, record.id);
    await markFailed(deps, record);
    log.warn({ ...about, outcome: "failed" });
  }
  if (isLive(record) && isIntact) await takeUp(deps, record, sandbox);
  followExpiry(deps, record);
}

async function takeUp(deps: SandboxContext, record: SandboxRecord, sandbox: EngineSandbox): Promise<void> {
  const { store, engine, life, lastUse, clock } = deps;
  await noteRestart(deps, sandbox);
  if (record.status === "DEPLOYED") {
    life.track(sandbox);
    lastUse.restore(record);
    return;
  }
  // A disabled sandbox stays frozen, also when its server died before it was, or its machine has started it again.
  if (sandbox.state === "running") await engine.sleep(record.id);
  if (record.status === "DEACTIVATED") return;
  await store.sandboxes.change(record.id, record.status, { status: "DEACTIVATED", updatedAtMs: clock() });
}

/** Those that the machine must have; one that is starting anew counts as well. */
function isLive({ status }: SandboxRecord): boolean {
  return ["DEPLOYED", "DEPLOYING", "DEACTIVATING", "DEACTIVATED"].includes(status);
}

/** Tells a sandbox that was being started anew from one that was being created. */
function wasDeployed({ events }: SandboxRecord): boolean {
  return events.some(({ status }) => status === "DEPLOYED");
}

async function markFailed({ store, directory, clock }: ControlPlaneDeps, record: SandboxRecord): Promise<void> {
  const message = "Sandbox vanished from the machine";
  const failure = { code: "SANDBOX_VANISHED", message, instance: record.id, fatal: true };
  await store.sandboxes.change(record.id, record.status, {
    status: "FAILED",
    events: withEvent(record.events, happened("FAILED", message, clock())),
    errors: [...record.errors, { ...failure, time: new Date(clock()).toISOString() }],
    updatedAtMs: clock(),
  });
  directory.removeSandbox(record);
}

/** One sandbox that cannot be removed does not keep the server from starting; the next start tries again. */
async function removeFromEngine({ engine, log }: ControlPlaneDeps, id: SandboxId): Promise<boolean> {
  try {
    await engine.remove(id);
    return true;
  } catch (error) {
    log.error({ event: "sandbox.recover", outcome: "failure", id, code: toAppError(error).code });
    return false;
  }
}
