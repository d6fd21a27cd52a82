import { AppError, randomId } from "@dormouse/kernel";
import {
  WorkspaceName,
  type WorkspaceAnswer,
  type WorkspaceCreateRequest,
  type WorkspaceUpdateRequest,
} from "@dormouse/schema";
import type { WorkspaceRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { Principal } from "./credentials.ts";

/** @throws {AppError} WORKSPACE_NOT_FOUND, also for one that is there but not for this principal */
export async function requireWorkspace(
  { store, directory }: ControlPlaneDeps,
  principal: Principal,
  name: string,
): Promise<WorkspaceRecord> {
  const mayEnter = directory.credentials.roleIn(principal, name) !== undefined;
  const workspace = mayEnter ? await store.accounts.findWorkspace(name) : undefined;
  if (workspace !== undefined) return workspace;
  throw notFound(name);
}

/** By name; only those the principal may enter. */
export async function listWorkspaces(
  { store, directory }: ControlPlaneDeps,
  principal: Principal,
): Promise<WorkspaceRecord[]> {
  const workspaces = await store.accounts.workspaces();
  return workspaces.filter(({ name }) => directory.credentials.roleIn(principal, name) !== undefined);
}

/**
 * A further workspace of the account that `beside` belongs to.
 * @throws {AppError} FORBIDDEN unless an owner of the account asks with a credential for all of it, WORKSPACE_ALREADY_EXISTS
 */
export async function createWorkspace(
  { store, directory, clock }: ControlPlaneDeps,
  { principal, beside }: { readonly principal: Principal; readonly beside: WorkspaceName },
  request: WorkspaceCreateRequest,
): Promise<WorkspaceRecord> {
  const { people } = directory.credentials;
  const accountId = people.accountOwnedBy(principal, beside);
  if (accountId === undefined || principal.scope !== undefined) {
    throw new AppError("FORBIDDEN", `Cannot create workspace "${request.name}": only an owner of the account can`, {
      hint: "Use the administrator's key, or log in as an owner; a key of one workspace does not reach beyond it",
    });
  }
  const record = newWorkspace(request, { accountId, createdBy: principal.id, createdAtMs: clock() });
  await store.accounts.insertWorkspace(record);
  people.putWorkspace(record);
  people.putMember({ workspace: record.name, userId: principal.id, role: "admin" });
  return record;
}

/** One that has yet to be stored. */
export function newWorkspace(
  { name, displayName, labels }: WorkspaceCreateRequest,
  made: Pick<WorkspaceRecord, "accountId" | "createdBy" | "createdAtMs">,
): WorkspaceRecord {
  return {
    ...made,
    name,
    id: randomId(20),
    displayName: displayName ?? name,
    labels: labels ?? {},
    updatedAtMs: made.createdAtMs,
  };
}

/** @throws {AppError} WORKSPACE_NOT_FOUND */
export async function updateWorkspace(
  { store, clock }: ControlPlaneDeps,
  workspace: WorkspaceRecord,
  { displayName, labels }: WorkspaceUpdateRequest,
): Promise<WorkspaceRecord> {
  const changed = await store.accounts.changeWorkspace(workspace.name, {
    displayName: displayName === undefined ? workspace.displayName : (displayName ?? workspace.name),
    labels: labels === undefined ? workspace.labels : (labels ?? {}),
    updatedAtMs: clock(),
  });
  if (changed === undefined) throw notFound(workspace.name);
  return changed;
}

/**
 * @throws {AppError} WORKSPACE_NOT_EMPTY while it has sandboxes, volumes or images, WORKSPACE_IN_USE for the last one of its
 *   account, API_KEY_IN_USE for the administrator's own
 */
export async function deleteWorkspace(
  { store, directory }: ControlPlaneDeps,
  { name }: WorkspaceRecord,
): Promise<void> {
  const keys = await store.credentials.apiKeysOf(name);
  if (keys.some(({ scope }) => scope === "account")) {
    throw new AppError("API_KEY_IN_USE", `Cannot delete workspace "${name}": the administrator's key belongs to it`, {
      hint: "The first workspace stays as long as the installation",
    });
  }
  if (!(await store.accounts.removeWorkspace(name))) {
    throw new AppError(
      "WORKSPACE_NOT_EMPTY",
      `Cannot delete workspace "${name}": it still has sandboxes, volumes or images`,
      {
        hint: "Delete them first",
      },
    );
  }
  directory.credentials.people.removeWorkspace(name);
  directory.credentials.removeOf(name);
  directory.removeDomainsOf(name);
}

export interface Availability {
  readonly available: boolean;
  readonly reason?: "taken" | "forbidden_reserved";
  readonly message: string;
}

export function checkAvailability({ directory }: ControlPlaneDeps, name: string): Availability {
  const parsed = WorkspaceName.safeParse(name);
  if (!parsed.success) {
    return { available: false, reason: "forbidden_reserved", message: parsed.error.issues[0]?.message ?? "" };
  }
  if (!directory.credentials.people.hasWorkspace(name)) return { available: true, message: "" };
  return { available: false, reason: "taken", message: `There is a workspace "${name}" already` };
}

export function renderWorkspace(record: WorkspaceRecord): WorkspaceAnswer {
  return {
    id: record.id,
    name: record.name,
    accountId: record.accountId,
    displayName: record.displayName === "" ? record.name : record.displayName,
    labels: { ...record.labels },
    status: "ready",
    createdAt: new Date(record.createdAtMs).toISOString(),
    updatedAt: new Date(record.updatedAtMs).toISOString(),
    createdBy: record.createdBy,
  };
}

function notFound(name: string): AppError {
  return new AppError("WORKSPACE_NOT_FOUND", `Cannot find workspace "${name}": there is none you may enter`, {
    hint: "List the workspaces to see their names",
  });
}
