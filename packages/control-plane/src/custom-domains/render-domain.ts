import type { CustomDomainAnswer, WorkspaceName } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import { dnsRecordsOf } from "./dns-records.ts";

export interface DomainViewer {
  readonly workspace: WorkspaceName;
  /** What it reaches this server at. */
  readonly baseUrl: string;
}

/** A domain as clients of a workspace that may use it see it. */
export function renderDomain(domain: CustomDomainRecord, { workspace, baseUrl }: DomainViewer): CustomDomainAnswer {
  const { displayName, region, fallbackPreviewId, lastCheckedAtMs, failure } = domain;
  const { txtName, txtValue, cnameTarget } = dnsRecordsOf(domain, baseUrl);
  return {
    metadata: {
      name: domain.name,
      ...(displayName !== undefined && { displayName }),
      labels: { ...domain.labels },
      workspace,
      ...(workspace !== domain.workspace && { sharedFromWorkspace: domain.workspace }),
      createdAt: new Date(domain.createdAtMs).toISOString(),
      updatedAt: new Date(domain.updatedAtMs).toISOString(),
    },
    spec: {
      domainType: "previews",
      status: domain.status,
      txtRecords: { [txtName]: txtValue },
      ...(cnameTarget !== undefined && { cnameRecords: cnameTarget }),
      ...(region !== undefined && { region }),
      ...(fallbackPreviewId !== undefined && { fallbackPreviewId }),
      ...(lastCheckedAtMs !== undefined && { lastVerifiedAt: new Date(lastCheckedAtMs).toISOString() }),
      ...(failure !== undefined && { verificationError: failure }),
    },
  };
}
