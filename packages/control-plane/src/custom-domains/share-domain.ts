import { AppError } from "@dormouse/kernel";
import { WHOLE_ACCOUNT, type CustomDomainShareAnswer, type WorkspaceName } from "@dormouse/schema";
import type { CustomDomainAudience, CustomDomainRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";
import type { DomainContext } from "./context.ts";
import { domainNotFound, requireOwnDomain } from "./find-domain.ts";

/**
 * Lets a workspace, or with `account` all of the account, put previews under a verified domain. Idempotent.
 * @throws {AppError} INVALID_ARGUMENT, WORKSPACE_NOT_FOUND for one of another account, DOMAIN_ALREADY_EXISTS when it has a
 *   domain of that name itself, DOMAIN_NOT_FOUND
 */
export async function shareDomain(
  context: DomainContext,
  domain: CustomDomainRecord,
  target: string,
): Promise<CustomDomainRecord> {
  return changeAudience(context, domain, (current) => {
    const isForAll = target === WHOLE_ACCOUNT;
    if (!isForAll) requireNeighbour(context, current, target);
    requireShareable(context, current, (workspace) => isForAll || workspace === target);
    if (isForAll) return { ...current, isAccountWide: true };
    return { ...current, sharedWith: [...new Set([...current.sharedWith, target as WorkspaceName])] };
  });
}

/** The previews that lose their place under the domain go. @throws {AppError} DOMAIN_NOT_FOUND, also when it was not shared */
export async function unshareDomain(
  context: DomainContext,
  domain: CustomDomainRecord,
  target: string,
): Promise<CustomDomainRecord> {
  return changeAudience(context, domain, (current) => {
    const sharedWith = current.sharedWith.filter((workspace) => workspace !== target);
    const isAccountWide = current.isAccountWide && target !== WHOLE_ACCOUNT;
    if (sharedWith.length < current.sharedWith.length || isAccountWide !== current.isAccountWide) {
      return { sharedWith, isAccountWide };
    }
    throw new AppError(
      "DOMAIN_NOT_FOUND",
      `Cannot unshare domain "${current.name}": it is not shared with "${target}"`,
    );
  });
}

/** With whom the domain is shared. */
export async function listShares(
  { store }: ControlPlaneDeps,
  { isAccountWide, sharedWith }: CustomDomainRecord,
): Promise<CustomDomainShareAnswer[]> {
  const workspaces = (await store.accounts.workspaces()).filter(({ name }) => sharedWith.includes(name));
  const shares = workspaces.map(({ name, displayName }) => ({
    workspace: name as string,
    workspaceDisplayName: displayName,
  }));
  if (isAccountWide) shares.unshift({ workspace: WHOLE_ACCOUNT, workspaceDisplayName: "" });
  return shares.map((share) => ({ status: "active", ...share }));
}

async function changeAudience(
  context: DomainContext,
  { id, workspace, name }: CustomDomainRecord,
  change: (current: CustomDomainRecord) => Omit<CustomDomainAudience, "updatedAtMs">,
): Promise<CustomDomainRecord> {
  const { store, directory, clock } = context;
  return context.changeOf(id, async () => {
    const { isAccountWide, sharedWith } = change(requireOwnDomain(context, workspace, name));
    const changed = await store.customDomains.share(id, { isAccountWide, sharedWith, updatedAtMs: clock() });
    if (changed === undefined) throw domainNotFound(name, workspace);
    for (const previewId of changed.removedPreviewIds) directory.removePreview(previewId);
    directory.domains.put(changed.domain);
    return changed.domain;
  });
}

function requireNeighbour(
  { directory }: ControlPlaneDeps,
  { name, workspace }: CustomDomainRecord,
  target: string,
): void {
  if (target === workspace) {
    throw new AppError("INVALID_ARGUMENT", `Cannot share domain "${name}" with "${target}": that workspace owns it`);
  }
  if (directory.credentials.people.isSameAccount(workspace, target)) return;
  throw new AppError("WORKSPACE_NOT_FOUND", `Cannot share domain "${name}": the account has no workspace "${target}"`, {
    hint: `Give a workspace of the account, or "${WHOLE_ACCOUNT}" for all of them`,
  });
}

function requireShareable(
  { directory }: ControlPlaneDeps,
  { name, workspace, status }: CustomDomainRecord,
  isTarget: (workspace: WorkspaceName) => boolean,
): void {
  if (status !== "verified") {
    throw new AppError("INVALID_ARGUMENT", `Cannot share domain "${name}": it is not verified`, {
      hint: "Verify it first",
    });
  }
  const { people } = directory.credentials;
  const rivals = directory.domains.claimantsOf(name).filter((other) => people.isSameAccount(workspace, other));
  const rival = rivals.find((other) => other !== workspace && isTarget(other));
  if (rival === undefined) return;
  throw new AppError("DOMAIN_ALREADY_EXISTS", `Cannot share domain "${name}": workspace "${rival}" has it itself`, {
    hint: "It must delete its own first",
  });
}
