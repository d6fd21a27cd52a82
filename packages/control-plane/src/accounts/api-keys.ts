import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import { durationMs, type ApiKeyAnswer, type ApiKeyCreateRequest, type WorkspaceName } from "@dormouse/schema";
import type { ApiKeyRecord, Subject } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { hashSecret } from "../secrets.ts";

/** Enough to recognise a key by, far too little to guess it from. */
const PREFIX_LENGTH = 8;

/** `dm_` and 256 random bits. */
export const newApiKey = (): string => `dm_${randomSecret()}`;

export interface WantedApiKey {
  readonly workspace: WorkspaceName;
  readonly subject: Subject;
  readonly createdBy: string;
  readonly request: ApiKeyCreateRequest;
}

export interface IssuedApiKey {
  readonly record: ApiKeyRecord;
  /** Known only now: the store keeps its hash. */
  readonly key: string;
}

/** A further key of `subject` in `workspace`, good at once. */
export async function createApiKey(
  { store, directory, clock }: Pick<ControlPlaneDeps, "store" | "directory" | "clock">,
  { workspace, subject, createdBy, request }: WantedApiKey,
): Promise<IssuedApiKey> {
  const key = newApiKey();
  const nowMs = clock();
  const record: ApiKeyRecord = {
    id: randomId(20),
    workspace,
    subject,
    scope: "workspace",
    name: request.name ?? "",
    prefix: key.slice(0, PREFIX_LENGTH),
    hash: hashSecret(key),
    createdBy,
    createdAtMs: nowMs,
    expiresAtMs: typeof request.expires_in === "string" ? nowMs + durationMs(request.expires_in) : undefined,
    lastUsedAtMs: undefined,
  };
  await store.credentials.insertApiKey(record);
  directory.credentials.putKey(record);
  return { record, key };
}

/** From the next request on it opens nothing. @throws {AppError} API_KEY_IN_USE for the administrator's */
export async function revokeApiKey(
  { store, directory }: Pick<ControlPlaneDeps, "store" | "directory">,
  record: ApiKeyRecord,
): Promise<void> {
  if (record.scope === "account") {
    throw new AppError("API_KEY_IN_USE", `Cannot revoke API key "${record.name}": it is the administrator's own`, {
      hint: "Remove the file admin-key from the data folder and start again: that makes a new one",
    });
  }
  await store.credentials.removeApiKey(record.id);
  directory.credentials.removeKey(record);
}

export function apiKeyNotFound(id: string): AppError {
  return new AppError("API_KEY_NOT_FOUND", `Cannot find API key "${id}": there is none of that id`, {
    hint: "List the API keys to see their ids",
  });
}

/** Without the key itself unless it has just been made. */
export function renderApiKey(
  { directory }: Pick<ControlPlaneDeps, "directory">,
  record: ApiKeyRecord,
  key?: string,
): ApiKeyAnswer {
  const lastUsedAtMs = directory.credentials.lastUsedAtMs(record);
  return {
    id: record.id,
    name: record.name,
    ...(key !== undefined && { apiKey: key }),
    prefix: record.prefix,
    sub: record.subject.id,
    sub_type: record.subject.type,
    createdAt: new Date(record.createdAtMs).toISOString(),
    createdBy: record.createdBy,
    ...(record.expiresAtMs !== undefined && { expiresAt: new Date(record.expiresAtMs).toISOString() }),
    ...(lastUsedAtMs !== undefined && { lastUsedAt: new Date(lastUsedAtMs).toISOString() }),
  };
}
