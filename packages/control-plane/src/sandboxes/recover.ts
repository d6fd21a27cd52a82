import { toAppError } from "@dormouse/kernel";
import type { EngineSandbox, SandboxId } from "@dormouse/schema";
import type { SandboxRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { happened } from "./events.ts";

/**
 * Brings store and engine together at start, before the first request. A creation or deletion that was cut off is taken back
 * or finished, an engine sandbox nobody knows is removed unless the store knows none at all, and a record whose sandbox vanished becomes FAILED.
 * @throws {AppError} ENGINE_UNAVAILABLE
 */
export async function recover(deps: ControlPlaneDeps): Promise<void> {
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
}

async function settle(
  deps: ControlPlaneDeps,
  record: SandboxRecord,
  sandbox: EngineSandbox | undefined,
): Promise<void> {
  const { store, life, directory, log } = deps;
  const about = { event: "sandbox.recover", sandbox: record.name, workspace: record.workspace };
  if (record.status === "DEPLOYING" || record.status === "DELETING") {
    // Also one the engine does not list: it may still be creating it for the server that died, and finishes that first.
    if (!(await removeFromEngine(deps, record.id))) return;
    await store.sandboxes.remove(record.id);
    directory.removeSandbox(record);
    log.warn({ ...about, outcome: "removed", status: record.status });
    return;
  }
  if (record.status !== "DEPLOYED") return;
  if (sandbox !== undefined) {
    life.track(sandbox);
    return;
  }
  await markFailed(deps, record);
  log.warn({ ...about, outcome: "failed" });
}

async function markFailed({ store, directory, clock }: ControlPlaneDeps, record: SandboxRecord): Promise<void> {
  const events = [...record.events, happened("FAILED", "Sandbox vanished from the machine", clock())];
  await store.sandboxes.change(record.id, record.status, { status: "FAILED", events, updatedAtMs: clock() });
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
