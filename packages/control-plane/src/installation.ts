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
  /** SHA-256 of the key in hex: who holds the store never needs the key itself. */
  readonly keyHash: string;
}

/** Sets an empty store up with one workspace, and makes sure the administrator's key opens it. Idempotent. */
export async function ensureInstallation(deps: InstallationDeps, { workspace, keyHash }: FirstKey): Promise<void> {
  const record = keyRecord({ workspace, name: "administrator", hash: keyHash }, deps.clock());
  if (await deps.store.accounts.install(randomSecret(), record)) return;
  const known = await deps.store.accounts.apiKeys();
  if (!known.some(({ hash }) => hash === record.hash)) await deps.store.accounts.insertApiKey(record);
}

/** A further API key of a workspace, returned this once; a directory loaded earlier does not know it. */
export async function issueApiKey(deps: InstallationDeps, workspace: WorkspaceName, name: string): Promise<string> {
  const key = newApiKey();
  await deps.store.accounts.insertApiKey(keyRecord({ workspace, name, hash: hashSecret(key) }, deps.clock()));
  return key;
}

/** `dm_` and 256 random bits. */
export const newApiKey = (): string => `dm_${randomSecret()}`;

function keyRecord(key: Pick<ApiKeyRecord, "workspace" | "name" | "hash">, createdAtMs: number): ApiKeyRecord {
  return { id: randomId(), ...key, createdAtMs };
}
