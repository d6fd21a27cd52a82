import { AppError, randomId } from "@dormouse/kernel";
import type { AccountAnswer, AccountCreateRequest } from "@dormouse/schema";
import type { AccountOwnerRecord, AccountRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { Principal } from "./credentials.ts";
import { issueInvitation, type IssuedInvitation } from "./users.ts";
import { newWorkspace } from "./workspaces.ts";

export interface OwnedAccount extends AccountRecord {
  readonly owners: readonly AccountOwnerRecord[];
}

export interface CreatedAccount {
  readonly account: OwnedAccount;
  /** Makes its first owner. */
  readonly invitation: IssuedInvitation;
}

/** By name: every account for an administrator of the installation, for others those they own. */
export async function listAccounts(deps: ControlPlaneDeps, principal: Principal): Promise<OwnedAccount[]> {
  const { store, directory } = deps;
  const isAdministrator = directory.credentials.isInstallationAdmin(principal);
  const accounts = (await store.accounts.accounts()).filter(
    ({ id }) => isAdministrator || (principal.scope === undefined && directory.credentials.people.owns(principal, id)),
  );
  const owners = await store.accounts.allOwners();
  return accounts.map((account) => ({
    ...account,
    owners: owners.filter(({ accountId }) => accountId === account.id),
  }));
}

/**
 * An account of its own, with its first workspace. The owner is invited, and is owner once the invitation is taken: until then
 * nobody can enter it, whoever makes it neither.
 * @throws {AppError} FORBIDDEN, INVALID_ARGUMENT, ACCOUNT_ALREADY_EXISTS, WORKSPACE_ALREADY_EXISTS
 */
export async function createAccount(
  deps: ControlPlaneDeps,
  principal: Principal,
  { name, owner: { email }, workspace: wanted }: AccountCreateRequest,
): Promise<CreatedAccount> {
  const { store, directory, clock } = deps;
  assertInstallationAdmin(deps, principal, `Cannot create account "${name}"`);
  await assertMayBeInvited(deps, email);
  const accountId = randomId(20);
  const createdAtMs = clock();
  const workspace = newWorkspace(wanted, { accountId, createdBy: principal.id, createdAtMs });
  const place = { workspace: workspace.name, invitedBy: principal.id };
  const invitation = issueInvitation(deps, place, { email, role: "admin", makesOwner: true });
  const account = { id: accountId, name, createdAtMs };
  const userId = await store.accounts.insertAccount({ ...account, workspace, owner: invitation.record });
  directory.credentials.people.putWorkspace(workspace);
  return { account: { ...account, owners: [{ accountId, userId, email, isInvited: true }] }, invitation };
}

/**
 * Ends an empty account: its workspaces, and what opens them.
 * @throws {AppError} FORBIDDEN, ACCOUNT_NOT_FOUND, ACCOUNT_IN_USE for the first one, and while it has sandboxes, volumes or images
 */
export async function deleteAccount(deps: ControlPlaneDeps, principal: Principal, id: string): Promise<OwnedAccount> {
  const { store, directory, audit } = deps;
  const { people } = directory.credentials;
  assertInstallationAdmin(deps, principal, `Cannot delete account "${id}"`);
  const account = (await listAccounts(deps, principal)).find((other) => other.id === id);
  if (account === undefined) {
    throw new AppError("ACCOUNT_NOT_FOUND", `Cannot find account "${id}": there is none of that id`, {
      hint: "List the accounts to see their ids",
    });
  }
  if (id === people.firstAccountId) {
    throw new AppError("ACCOUNT_IN_USE", `Cannot delete account "${account.name}": it administers the installation`, {
      hint: "The first account stays as long as the installation",
    });
  }
  await audit.flush();
  await store.accounts.removeAccount(account);
  for (const workspace of people.removeAccount(id)) {
    directory.credentials.removeOf(workspace);
    directory.removeDomainsOf(workspace);
  }
  return account;
}

export function renderAccount({ id, name, createdAtMs, owners }: OwnedAccount): AccountAnswer {
  return {
    id,
    name,
    createdAt: new Date(createdAtMs).toISOString(),
    owners: owners.map(({ userId, email, isInvited }) => ({ sub: userId, email, accepted: !isInvited })),
  };
}

function assertInstallationAdmin({ directory }: ControlPlaneDeps, principal: Principal, failure: string): void {
  if (directory.credentials.isInstallationAdmin(principal)) return;
  throw new AppError("FORBIDDEN", `${failure}: only an administrator of the installation can`, {
    hint: "Use the administrator's key of the data folder, or log in as an owner of the first account",
  });
}

/** Who is somebody already proves it with a password, so one who signs in with keys alone could never take the invitation. */
async function assertMayBeInvited({ store, directory }: ControlPlaneDeps, email: string): Promise<void> {
  const user = await store.users.findByEmail(email);
  if (user === undefined || user.passwordHash !== undefined) return;
  if (directory.credentials.people.workspacesOf({ type: "user", id: user.id }).length === 0) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot invite "${email}": the user has no password to sign in with`, {
    hint: "Name somebody else as the owner",
  });
}
