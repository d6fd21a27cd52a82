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
