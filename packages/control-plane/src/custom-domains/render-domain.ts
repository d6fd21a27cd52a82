import type { CustomDomainAnswer } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import { dnsRecordsOf } from "./dns-records.ts";

/** A domain as clients see it. */
export function renderDomain(domain: CustomDomainRecord, baseUrl: string): CustomDomainAnswer {
  const { displayName, region, fallbackPreviewId, lastCheckedAtMs, failure } = domain;
  const { txtName, txtValue, cnameTarget } = dnsRecordsOf(domain, baseUrl);
  return {
    metadata: {
      name: domain.name,
      ...(displayName !== undefined && { displayName }),
      labels: { ...domain.labels },
      workspace: domain.workspace,
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
