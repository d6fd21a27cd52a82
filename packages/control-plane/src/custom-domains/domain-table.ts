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
  readonly #isSameAccount: (workspace: string, other: string) => boolean;

  constructor(isSameAccount: (workspace: string, other: string) => boolean) {
    this.#isSameAccount = isSameAccount;
  }

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

  /** One that the workspace may use; its own come first. */
  find(workspace: WorkspaceName, name: string): CustomDomainRecord | undefined {
    const named = this.usableBy(workspace).filter((domain) => domain.name === name);
    return named.find((domain) => domain.workspace === workspace) ?? named[0];
  }

  /** Its own and those that others share with it, by name. */
  usableBy(workspace: WorkspaceName): CustomDomainRecord[] {
    const mayUse = (domain: CustomDomainRecord): boolean =>
      domain.workspace === workspace ||
      domain.sharedWith.includes(workspace) ||
      (domain.isAccountWide && this.#isSameAccount(domain.workspace, workspace));
    return this.#all()
      .filter(mayUse)
      .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Workspaces that claim the name for themselves. */
  claimantsOf(name: string): WorkspaceName[] {
    return this.#all().flatMap((domain) => (domain.name === name ? [domain.workspace] : []));
  }

  /** For a workspace that is gone: the ids of its domains. What others shared with it is not shared any more. */
  withdraw(workspace: WorkspaceName): string[] {
    for (const domain of this.#all().filter(({ sharedWith }) => sharedWith.includes(workspace))) {
      this.put({ ...domain, sharedWith: domain.sharedWith.filter((each) => each !== workspace) });
    }
    return this.#all().flatMap((domain) => (domain.workspace === workspace ? [domain.id] : []));
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

  #all(): CustomDomainRecord[] {
    return [...this.#entries.values()].map(({ domain }) => domain);
  }

  #forget(id: string): void {
    const name = this.#entries.get(id)?.domain.name ?? "";
    this.#entries.delete(id);
    if (this.#verified.get(name)?.domain.id === id) this.#verified.delete(name);
  }
}
