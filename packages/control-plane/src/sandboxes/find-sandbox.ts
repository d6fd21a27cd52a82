import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { SandboxRecord, Store } from "@dormouse/store";

/** @throws {AppError} SANDBOX_NOT_FOUND */
export async function requireSandbox(store: Store, workspace: WorkspaceName, name: string): Promise<SandboxRecord> {
  const sandbox = await store.sandboxes.find(workspace, name);
  if (sandbox !== undefined) return sandbox;
  throw new AppError(
    "SANDBOX_NOT_FOUND",
    `Cannot find sandbox "${name}": workspace "${workspace}" has none of that name`,
    {
      hint: "List the sandboxes to see their names",
    },
  );
}

/** Also the record of one that has expired, as long as it is kept. @throws {AppError} SANDBOX_NOT_FOUND */
export async function requireSandboxRecord(
  store: Store,
  workspace: WorkspaceName,
  name: string,
): Promise<SandboxRecord> {
  const sandbox = await store.sandboxes.find(workspace, name);
  return sandbox ?? (await store.sandboxes.findTerminated(workspace, name)) ?? requireSandbox(store, workspace, name);
}

/** @throws {AppError} SANDBOX_NOT_FOUND */
export async function requireSandboxByExternalId(
  store: Store,
  workspace: WorkspaceName,
  externalId: string,
): Promise<SandboxRecord> {
  const sandbox = await store.sandboxes.findByExternalId(workspace, externalId);
  if (sandbox !== undefined) return sandbox;
  throw new AppError("SANDBOX_NOT_FOUND", `Cannot find a sandbox: none has the external id "${externalId}"`);
}

/** What to answer when a sandbox is no longer in the state a change starts from. */
export function stateConflict(verb: string, { name }: SandboxRecord): AppError {
  return new AppError("SANDBOX_STATE_CONFLICT", `Cannot ${verb} sandbox "${name}": its status has just changed`, {
    hint: "Read it again and repeat the call",
  });
}
