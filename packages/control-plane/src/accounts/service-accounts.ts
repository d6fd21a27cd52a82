import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type {
  ServiceAccountAnswer,
  ServiceAccountCreateRequest,
  ServiceAccountUpdateRequest,
  WorkspaceName,
} from "@dormouse/schema";
import type { ServiceAccountRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import { hashSecret } from "../secrets.ts";

export interface NewServiceAccount {
  readonly record: ServiceAccountRecord;
  /** Known only now: the store keeps its hash. */
  readonly clientSecret: string;
}

/** @throws {AppError} SERVICE_ACCOUNT_NOT_FOUND, also for one of another workspace */
export function requireServiceAccount(
  { directory }: ControlPlaneDeps,
  workspace: WorkspaceName,
  clientId: string,
): ServiceAccountRecord {
  const account = directory.credentials.people.serviceAccount(clientId);
  if (account?.workspace === workspace) return account;
  throw notFound(clientId);
}

export async function createServiceAccount(
  { store, directory, clock }: ControlPlaneDeps,
  workspace: WorkspaceName,
  request: ServiceAccountCreateRequest,
): Promise<NewServiceAccount> {
  const clientSecret = randomSecret();
  const nowMs = clock();
  const record: ServiceAccountRecord = {
    clientId: `sa-${randomId(20)}`,
    workspace,
    name: request.name,
    description: request.description ?? "",
    role: request.role,
    secretHash: hashSecret(clientSecret),
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  await store.credentials.insertServiceAccount(record);
  directory.credentials.people.putServiceAccount(record);
  return { record, clientSecret };
}

/** A changed role holds for its keys and tokens from their next request on. @throws {AppError} SERVICE_ACCOUNT_NOT_FOUND */
export async function updateServiceAccount(
  { store, directory, clock }: ControlPlaneDeps,
  account: ServiceAccountRecord,
  request: ServiceAccountUpdateRequest,
): Promise<ServiceAccountRecord> {
  const changed = await store.credentials.changeServiceAccount({
    ...account,
    name: request.name ?? account.name,
    description: request.description === undefined ? account.description : (request.description ?? ""),
    role: request.role ?? account.role,
    updatedAtMs: clock(),
  });
  if (changed === undefined) throw notFound(account.clientId);
  directory.credentials.people.putServiceAccount(changed);
  return changed;
}

/** Its keys and tokens end with it. Idempotent. */
export async function deleteServiceAccount(
  { store, directory }: ControlPlaneDeps,
  { clientId, workspace }: ServiceAccountRecord,
): Promise<void> {
  await store.credentials.removeServiceAccount(clientId);
  directory.credentials.people.removeServiceAccount(clientId);
  directory.credentials.removeOf(workspace, { type: "service_account", id: clientId });
}

export function renderServiceAccount(record: ServiceAccountRecord, clientSecret?: string): ServiceAccountAnswer {
  return {
    client_id: record.clientId,
    ...(clientSecret !== undefined && { client_secret: clientSecret }),
    name: record.name,
    description: record.description,
    role: record.role,
    created_at: new Date(record.createdAtMs).toISOString(),
    updated_at: new Date(record.updatedAtMs).toISOString(),
  };
}

function notFound(clientId: string): AppError {
  return new AppError(
    "SERVICE_ACCOUNT_NOT_FOUND",
    `Cannot find service account "${clientId}": there is none of that id`,
    {
      hint: "List the service accounts to see their client ids",
    },
  );
}
