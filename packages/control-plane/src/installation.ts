import { randomId, randomSecret } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { ApiKeyRecord, Store } from "@dormouse/store";
import { hashSecret } from "./secrets.ts";

interface InstallationDeps {
  readonly store: Store;
  readonly clock: () => number;
}

export interface FirstKey {
  readonly workspace: WorkspaceName;
  /** In plain; only its hash is stored. */
  readonly key: string;
}

/** Sets an empty store up with one workspace, and makes sure the administrator's key opens it. Idempotent. */
export async function ensureInstallation(deps: InstallationDeps, { workspace, key }: FirstKey): Promise<void> {
  const record = keyRecord(workspace, "administrator", key, deps.clock());
  if (await deps.store.accounts.install(randomSecret(), record)) return;
  const known = await deps.store.accounts.apiKeys();
  if (!known.some(({ hash }) => hash === record.hash)) await deps.store.accounts.insertApiKey(record);
}

/** A further API key of a workspace, returned this once; a directory loaded earlier does not know it. */
export async function issueApiKey(deps: InstallationDeps, workspace: WorkspaceName, name: string): Promise<string> {
  const key = newApiKey();
  await deps.store.accounts.insertApiKey(keyRecord(workspace, name, key, deps.clock()));
  return key;
}

/** `dm_` and 256 random bits. */
export const newApiKey = (): string => `dm_${randomSecret()}`;

function keyRecord(workspace: WorkspaceName, name: string, key: string, createdAtMs: number): ApiKeyRecord {
  return { id: randomId(), workspace, name, hash: hashSecret(key), createdAtMs };
}
