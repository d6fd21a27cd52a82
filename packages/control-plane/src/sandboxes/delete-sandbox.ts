import { faultPoint } from "@dormouse/kernel";
import type { SandboxRecord } from "@dormouse/store";
import { eraseBuildOf } from "../builds/end-build.ts";
import { releaseVolumes } from "../volumes/attach-volumes.ts";
import type { SandboxContext } from "./context.ts";

/**
 * Its name is free and nothing of it can be read any more when this resolves, nor of those of its name that expired before.
 * Concurrent calls share one deletion; the record it resolves with is the last one.
 */
export async function deleteSandbox(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { store, creations, alarms } = context;
  const { id, workspace, name } = sandbox;
  creations.abandon(workspace, name);
  alarms.set(id, undefined);
  const isErased = sandbox.status === "TERMINATED";
  const last: SandboxRecord = isErased ? { ...sandbox, status: "DELETING" } : await eraseSandbox(context, sandbox);
  await store.sandboxes.remove(id);
  faultPoint("server.delete.forgotten");
  await store.sandboxes.removeTerminated(workspace, name);
  return last;
}

/**
 * Ends its processes and erases its data; what becomes of the record, now DELETING, is the caller's. Marks and forgets first,
 * so that a concurrent wake is refused instead of racing. Can be repeated after a failure.
 */
export async function eraseSandbox(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { store, engine, life, directory, lastUse, clock } = context;
  return context.deletions.run(sandbox.id, async () => {
    const status = "DELETING";
    const updatedAtMs = clock();
    await store.sandboxes.mark(sandbox.id, status, updatedAtMs);
    faultPoint("server.delete.marked");
    directory.removeSandbox(sandbox);
    life.forget(sandbox.id);
    lastUse.forget(sandbox.id);
    await eraseBuildOf(context, sandbox.id);
    await engine.remove(sandbox.id);
    faultPoint("server.delete.removed");
    await releaseVolumes(context, sandbox);
    faultPoint("server.delete.released");
    return { ...sandbox, status, updatedAtMs };
  });
}
