import type { SandboxRecord } from "@dormouse/store";
import type { SandboxContext } from "./context.ts";
import { happened, withEvent } from "./events.ts";
import { stateConflict } from "./find-sandbox.ts";
import { lookAfter } from "./idle-time.ts";
import { noteRestart } from "./note-restart.ts";

/**
 * Freezes a sandbox with all it holds: it refuses every request and uses no processor time until it is enabled again. One
 * that was left half-way is brought to the end.
 * @throws {AppError} SANDBOX_STATE_CONFLICT
 */
export async function disableSandbox(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { store, engine, life, directory, lastUse, clock } = context;
  const stopping = await store.sandboxes.change(sandbox.id, sandbox.status, {
    status: "DEACTIVATING",
    lastUsedAtMs: Math.min(lastUse.atMs(sandbox), clock()),
    updatedAtMs: clock(),
  });
  if (stopping === undefined) throw stateConflict("disable", sandbox);
  directory.putSandbox(stopping);
  life.forget(sandbox.id);
  lastUse.forget(sandbox.id);
  await engine.sleep(sandbox.id);
  const disabled = await store.sandboxes.change(sandbox.id, "DEACTIVATING", {
    status: "DEACTIVATED",
    events: withEvent(stopping.events, happened("DEACTIVATED", "Sandbox is disabled", clock())),
    updatedAtMs: clock(),
  });
  if (disabled === undefined) throw stateConflict("disable", sandbox);
  return disabled;
}

/** Goes on where it was disabled. @throws {AppError} SANDBOX_STATE_CONFLICT */
export async function enableSandbox(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { store, engine, directory, lastUse, clock } = context;
  const awake = await engine.wake(sandbox.id);
  const enabled = await store.sandboxes.change(sandbox.id, sandbox.status, {
    status: "DEPLOYED",
    events: withEvent(sandbox.events, happened("DEPLOYED", "Sandbox is enabled again", clock())),
    updatedAtMs: clock(),
  });
  if (enabled === undefined) throw stateConflict("enable", sandbox);
  await noteRestart(context, awake);
  lookAfter(context, enabled, awake);
  lastUse.note(sandbox.id);
  directory.putSandbox(enabled);
  return enabled;
}
