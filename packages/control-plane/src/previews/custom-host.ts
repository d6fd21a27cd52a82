import { AppError } from "@dormouse/kernel";
import { HOSTNAME_MAX_LENGTH, type PreviewSpec } from "@dormouse/schema";
import type { CustomHost, SandboxRecord } from "@dormouse/store";
import { dnsRecordsOf, explainRecords } from "../custom-domains/dns-records.ts";
import type { ControlPlaneDeps } from "../ports.ts";

/**
 * The host that a new preview asks for: a name below a domain of its workspace, or the domain itself.
 * @throws {AppError} INVALID_ARGUMENT, also while the domain is not verified
 */
export function customHostFor(
  { directory }: ControlPlaneDeps,
  { workspace }: SandboxRecord,
  { customDomain, prefixUrl }: PreviewSpec,
  baseUrl: string,
): CustomHost | undefined {
  if (customDomain === undefined) return undefined;
  const domain = directory.domains.find(workspace, customDomain);
  if (domain === undefined) {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot use domain "${customDomain}": workspace "${workspace}" has none of that name`,
      {
        hint: "Add it with POST /customdomains, and verify it",
      },
    );
  }
  if (domain.status !== "verified") {
    throw new AppError("INVALID_ARGUMENT", `Cannot use domain "${customDomain}": it is not verified`, {
      hint: explainRecords(dnsRecordsOf(domain, baseUrl)),
    });
  }
  const hostname = prefixUrl === undefined ? domain.name : `${prefixUrl}.${domain.name}`;
  if (hostname.length <= HOSTNAME_MAX_LENGTH) return { domainId: domain.id, hostname };
  throw new AppError("INVALID_ARGUMENT", `Cannot use prefixUrl "${prefixUrl}": no host name is that long`, {
    hint: `Together with the domain it may have ${HOSTNAME_MAX_LENGTH} characters`,
  });
}
