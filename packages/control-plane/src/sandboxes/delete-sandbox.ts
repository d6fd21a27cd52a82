import type { SandboxRecord } from "@dormouse/store";
import type { SandboxContext } from "./context.ts";

/** Its name is free when this resolves. Concurrent calls share one deletion; the record it resolves with is the last one. */
export async function deleteSandbox(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  context.creations.abandon(sandbox.workspace, sandbox.name);
  return eraseSandbox(context, sandbox);
}

/** Marks DELETING and forgets first, so that a concurrent wake is refused instead of racing. Can be repeated after a failure. */
export async function eraseSandbox(context: SandboxContext, sandbox: SandboxRecord): Promise<SandboxRecord> {
  const { store, engine, life, directory, clock } = context;
  return context.deletions.run(sandbox.id, async () => {
    const status = "DELETING";
    const updatedAtMs = clock();
    await store.sandboxes.mark(sandbox.id, status, updatedAtMs);
    directory.removeSandbox(sandbox);
    life.forget(sandbox.id);
    await engine.remove(sandbox.id);
    await store.sandboxes.remove(sandbox.id);
    return { ...sandbox, status, updatedAtMs };
  });
}
