import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

/** One that the workspace owns or that is shared with it. @throws {AppError} DOMAIN_NOT_FOUND */
export function requireDomain(
  { directory }: ControlPlaneDeps,
  workspace: WorkspaceName,
  name: string,
): CustomDomainRecord {
  const domain = directory.domains.find(workspace, name.toLowerCase());
  if (domain !== undefined) return domain;
  throw domainNotFound(name, workspace);
}

/** One that the workspace owns. @throws {AppError} DOMAIN_NOT_FOUND, FORBIDDEN for a shared one */
export function requireOwnDomain(deps: ControlPlaneDeps, workspace: WorkspaceName, name: string): CustomDomainRecord {
  const domain = requireDomain(deps, workspace, name);
  if (domain.workspace === workspace) return domain;
  throw new AppError("FORBIDDEN", `Cannot manage domain "${name}": it belongs to workspace "${domain.workspace}"`, {
    hint: "Ask an administrator of that workspace",
  });
}

export function domainNotFound(name: string, workspace: WorkspaceName): AppError {
  return new AppError(
    "DOMAIN_NOT_FOUND",
    `Cannot find domain "${name}": workspace "${workspace}" has none of that name`,
    {
      hint: "List the custom domains to see their names",
    },
  );
}
