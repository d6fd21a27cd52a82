import { HOSTNAME_MAX_LENGTH, type WorkspaceName } from "@dormouse/schema";
import type { CustomDomainRecord, CustomHost } from "@dormouse/store";

/** A domain and which preview has which host under it. */
export interface DomainEntry {
  readonly domain: CustomDomainRecord;
  /** Hostname → preview id. */
  readonly previewIds: Map<string, string>;
}

/** Every custom domain in memory: a request is matched without asking the store. */
export class DomainTable {
  readonly #entries = new Map<string, DomainEntry>();
  /** Only these are served; a name is verified once. */
  readonly #verified = new Map<string, DomainEntry>();
  readonly #hosts = new Map<string, CustomHost>();

  put(domain: CustomDomainRecord): void {
    const previewIds = this.#entries.get(domain.id)?.previewIds ?? new Map<string, string>();
    this.#forget(domain.id);
    const entry = { domain, previewIds };
    this.#entries.set(domain.id, entry);
    if (domain.status === "verified") this.#verified.set(domain.name, entry);
  }

  /** Ids of the previews that were under it. Idempotent. */
  remove(id: string): string[] {
    const previewIds = [...(this.#entries.get(id)?.previewIds.values() ?? [])];
    this.#forget(id);
    return previewIds;
  }

  /** One that the workspace owns. */
  find(workspace: WorkspaceName, name: string): CustomDomainRecord | undefined {
    return this.ownedBy(workspace).find((domain) => domain.name === name);
  }

  /** By name. */
  ownedBy(workspace: WorkspaceName): CustomDomainRecord[] {
    const domains = [...this.#entries.values()].map(({ domain }) => domain);
    return domains
      .filter((domain) => domain.workspace === workspace)
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** False for a domain that is gone. */
  bind(previewId: string, host: CustomHost): boolean {
    const entry = this.#entries.get(host.domainId);
    if (entry === undefined) return false;
    this.unbind(previewId);
    entry.previewIds.set(host.hostname, previewId);
    this.#hosts.set(previewId, host);
    return true;
  }

  /** Idempotent. */
  unbind(previewId: string): void {
    const host = this.#hosts.get(previewId);
    if (host === undefined) return;
    this.#hosts.delete(previewId);
    const previewIds = this.#entries.get(host.domainId)?.previewIds;
    if (previewIds?.get(host.hostname) === previewId) previewIds.delete(host.hostname);
  }

  /** Id of the preview that has a host. */
  previewAt({ domainId, hostname }: CustomHost): string | undefined {
    return this.#entries.get(domainId)?.previewIds.get(hostname);
  }

  /** Verified domains that a host belongs to, the longest first. */
  above(hostname: string): DomainEntry[] {
    if (this.#verified.size === 0 || hostname.length > HOSTNAME_MAX_LENGTH) return [];
    const found: DomainEntry[] = [];
    for (let at = 0; at >= 0; at = hostname.indexOf(".", at + 1)) {
      const entry = this.#verified.get(at === 0 ? hostname : hostname.slice(at + 1));
      if (entry !== undefined) found.push(entry);
    }
    return found;
  }

  #forget(id: string): void {
    const name = this.#entries.get(id)?.domain.name ?? "";
    this.#entries.delete(id);
    if (this.#verified.get(name)?.domain.id === id) this.#verified.delete(name);
  }
}
