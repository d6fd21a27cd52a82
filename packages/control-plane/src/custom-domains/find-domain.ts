import { AppError } from "@dormouse/kernel";
import type { WorkspaceName } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import type { ControlPlaneDeps } from "../ports.ts";

/** @throws {AppError} DOMAIN_NOT_FOUND */
export function requireDomain(
  { directory }: ControlPlaneDeps,
  workspace: WorkspaceName,
  name: string,
): CustomDomainRecord {
  const domain = directory.domains.find(workspace, name.toLowerCase());
  if (domain !== undefined) return domain;
  throw domainNotFound(name, workspace);
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
