import { randomId, randomSecret } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { FirstApiKey, Store } from "@dormouse/store";
import { newApiKey } from "./accounts/api-keys.ts";
import { hashSecret } from "./secrets.ts";

interface InstallationDeps {
  readonly store: Store;
  readonly clock: () => number;
}

export interface FirstKey {
  readonly workspace: WorkspaceName;
  /** SHA-256 of the key in hex: who holds the store never needs the key itself. */
  readonly keyHash: string;
}

/**
 * Sets an empty store up with one account, workspace and administrator, and makes sure the administrator's key, and no earlier
 * one, opens it. Idempotent.
 */
export async function ensureInstallation(deps: InstallationDeps, { workspace, keyHash }: FirstKey): Promise<void> {
  const { store, clock } = deps;
  const key: FirstApiKey = {
    id: randomId(20),
    workspace,
    name: "administrator",
    hash: keyHash,
    createdAtMs: clock(),
  };
  if (await store.accounts.install(randomSecret(), key)) return;
  await store.credentials.replaceAdministratorKey(key);
}

/** A further key of an owner of the account, returned this once; a directory loaded earlier does not know it. */
export async function issueApiKey(deps: InstallationDeps, workspace: WorkspaceName, name: string): Promise<string> {
  const { store, clock } = deps;
  const key = newApiKey();
  const [owner] = await store.accounts.owners();
  if (owner === undefined) throw new Error("Cannot issue an API key: the installation is not set up");
  await store.credentials.insertApiKey({
    id: randomId(20),
    workspace,
    subject: { type: "user", id: owner.userId },
    scope: "workspace",
    name,
    prefix: key.slice(0, 8),
    hash: hashSecret(key),
    createdBy: owner.userId,
    createdAtMs: clock(),
    expiresAtMs: undefined,
    lastUsedAtMs: undefined,
  });
  return key;
}
