import type { CustomDomainRecord } from "@dormouse/store";
import type { Resolver } from "../ports.ts";
import type { DomainContext } from "./context.ts";
import { dnsRecordsOf, type DnsRecords } from "./dns-records.ts";
import { domainNotFound } from "./find-domain.ts";

/**
 * Asks DNS whose the domain is. Also a verified one can fail, and then serves nothing any more; where DNS does not answer,
 * everything stays as it is.
 * @throws {AppError} UPSTREAM_UNREACHABLE, DOMAIN_ALREADY_EXISTS when another workspace has verified it, DOMAIN_NOT_FOUND
 */
export async function verifyDomain(
  context: DomainContext,
  { id, workspace, name, ...domain }: CustomDomainRecord,
  baseUrl: string,
): Promise<CustomDomainRecord> {
  const { store, directory, resolver, clock } = context;
  const failure = await failureOf(resolver, dnsRecordsOf({ id, workspace, name, ...domain }, baseUrl));
  return context.changeOf(id, async () => {
    const status = failure === undefined ? "verified" : "failed";
    const settled = await store.customDomains.settle(id, { status, failure, lastCheckedAtMs: clock() });
    if (settled === undefined) throw domainNotFound(name, workspace);
    directory.domains.put(settled);
    return settled;
  });
}

/**
 * The TXT record decides. A CNAME record must not lead elsewhere, but need not be there: names may as well have this server's
 * address, and many providers answer with that in the place of a CNAME.
 */
async function failureOf(resolver: Resolver, records: DnsRecords): Promise<string | undefined> {
  const { txtName, txtValue, cnameName, cnameTarget } = records;
  const values = await resolver.resolveTxt(txtName);
  if (values.length === 0) return `DNS has no TXT record "${txtName}"`;
  if (!values.includes(txtValue)) return `The TXT record "${txtName}" has not the value "${txtValue}"`;
  if (cnameTarget === undefined) return undefined;
  const [alias] = await resolver.resolveCname(cnameName);
  if (alias === undefined || alias.toLowerCase().replace(/\.$/, "") === cnameTarget) return undefined;
  return `The CNAME record "${cnameName}" points to "${alias}", not to "${cnameTarget}"`;
}
