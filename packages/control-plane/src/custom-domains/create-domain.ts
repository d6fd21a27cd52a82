import { AppError, randomId, randomSecret } from "@dormouse/kernel";
import type { CustomDomainCreateRequest, DomainName, WorkspaceName } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import type { DomainContext } from "./context.ts";

export interface NewDomain {
  readonly workspace: WorkspaceName;
  /** What clients reach this server at. */
  readonly baseUrl: string;
  readonly request: CustomDomainCreateRequest;
}

/**
 * Claims a domain; it serves nothing until it is verified.
 * @throws {AppError} DOMAIN_ALREADY_EXISTS, INVALID_ARGUMENT for a name of this server's own
 */
export async function createDomain(
  { store, directory, settings, clock }: DomainContext,
  { workspace, baseUrl, request: { metadata, spec } }: NewDomain,
): Promise<CustomDomainRecord> {
  for (const ownHost of [new URL(baseUrl).hostname, settings.domain ?? "localhost"])
    requireForeign(metadata.name, ownHost);
  const nowMs = clock();
  const domain: CustomDomainRecord = {
    id: randomId(20),
    workspace,
    name: metadata.name,
    displayName: metadata.displayName,
    labels: metadata.labels ?? {},
    region: spec.region,
    status: "pending",
    challenge: randomSecret(),
    fallbackPreviewId: undefined,
    isAccountWide: false,
    sharedWith: [],
    lastCheckedAtMs: undefined,
    failure: undefined,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  await store.customDomains.insert(domain);
  directory.domains.put(domain);
  return domain;
}

/** Names below the server's own are its previews; a domain above it would take its own name in. */
function requireForeign(name: DomainName, ownHost: string): void {
  const overlaps = `.${name}`.endsWith(`.${ownHost}`) || `.${ownHost}`.endsWith(`.${name}`);
  if (!overlaps) return;
  throw new AppError("INVALID_ARGUMENT", `Cannot add domain "${name}": it overlaps this server's own "${ownHost}"`, {
    hint: "Choose a domain that is neither above nor below it",
  });
}
