import type { CustomDomainRecord } from "@dormouse/store";

/** What the owner of a domain puts into DNS. */
export interface DnsRecords {
  readonly txtName: string;
  readonly txtValue: string;
  readonly cnameName: string;
  /** `undefined` where this server is reached by an address or as `localhost`. */
  readonly cnameTarget: string | undefined;
}

/** `baseUrl` is what clients reach this server at. */
export function dnsRecordsOf({ name, challenge }: CustomDomainRecord, baseUrl: string): DnsRecords {
  return {
    txtName: `_dormouse-challenge.${name}`,
    txtValue: `dormouse-verification=${challenge}`,
    cnameName: `*.${name}`,
    cnameTarget: nameInDns(new URL(baseUrl).hostname),
  };
}

/** One sentence that tells what to do. */
export function explainRecords({ txtName, txtValue, cnameName, cnameTarget }: DnsRecords): string {
  const cname = cnameTarget === undefined ? "" : ` and a CNAME record "${cnameName}" that points to "${cnameTarget}"`;
  return `Set a TXT record "${txtName}" with the value "${txtValue}"${cname}, then verify the domain`;
}

function nameInDns(hostname: string): string | undefined {
  const isAddress = /^[\d.]+$|^\[/.test(hostname);
  return isAddress || !hostname.includes(".") || hostname.endsWith(".localhost") ? undefined : hostname;
}
