import type {
  DomainRoute,
  GatewayDirectory,
  PreviewRoute,
  PreviewTokenRoute,
  SandboxId,
  SandboxRoute,
  WorkspaceName,
} from "@dormouse/schema";
import type { PreviewRecord, PreviewTokenRecord, SandboxRecord, Store } from "@dormouse/store";
import { loadCredentials, type Credentials } from "./accounts/credentials.ts";
import { DomainTable } from "./custom-domains/domain-table.ts";
import { previewExpiresAtMs } from "./previews/expiry.ts";
import { hostLabel } from "./urls.ts";

/**
 * Everything a request to a sandbox is decided by, in memory and without waiting. The use cases change it in the same tick in
 * which the store's answer arrives, so it never promises what is not stored.
 */
export class Directory implements GatewayDirectory {
  readonly credentials: Credentials;
  readonly domains: DomainTable;
  readonly #clock: () => number;
  readonly #sandboxes = new Map<string, SandboxRoute>();
  readonly #labels = new Map<string, SandboxRoute>();
  readonly #previews = new Map<string, PreviewRoute>();
  /** Preview id → token. Not hashed: it is stored readable anyway, and a hash costs 3 µs a request. */
  readonly #tokens = new Map<string, Map<string, PreviewTokenRoute>>();

  constructor(credentials: Credentials, clock: () => number) {
    this.credentials = credentials;
    this.domains = new DomainTable((workspace, other) => credentials.people.isSameAccount(workspace, other));
    this.#clock = clock;
  }

  findSandbox(workspace: string, name: string): SandboxRoute | undefined {
    return this.#sandboxes.get(sandboxKey(workspace, name));
  }

  findSandboxByLabel(hostLabel: string): SandboxRoute | undefined {
    return this.#labels.get(hostLabel);
  }

  findPreview(previewId: string): PreviewRoute | undefined {
    return this.#previews.get(previewId);
  }

  /** A preview at the host itself comes before any fallback, which is the longest domain's. */
  findDomain(hostname: string): DomainRoute | undefined {
    const entries = this.domains.above(hostname);
    for (const { domain, previewIds } of entries) {
      const preview = this.#findLive(previewIds.get(hostname));
      if (preview !== undefined) return { domain: domain.name, preview, isFallback: false };
    }
    const nearest = entries[0]?.domain;
    const preview = this.#findLive(nearest?.fallbackPreviewId);
    // Ids can be given anew, also in another workspace.
    if (nearest === undefined || preview?.sandbox.workspace !== nearest.workspace) return undefined;
    return { domain: nearest.name, preview, isFallback: true };
  }

  /** Access tokens count as well as keys. */
  isApiKeyValid(workspace: string, apiKey: string): boolean {
    return this.credentials.opens(workspace, apiKey);
  }

  findPreviewToken(previewId: string, token: string): PreviewTokenRoute | undefined {
    const found = this.#tokens.get(previewId)?.get(token);
    return found?.expiresAtMs === undefined || this.#clock() < found.expiresAtMs ? found : undefined;
  }

  /** Also tells its previews whether it takes requests. */
  putSandbox(sandbox: SandboxRecord): void {
    const entry = toEntry(sandbox);
    this.#sandboxes.set(sandboxKey(sandbox.workspace, sandbox.name), entry);
    this.#labels.set(entry.hostLabel, entry);
    for (const [id, preview] of this.#previews) {
      if (preview.sandbox.sandboxId === sandbox.id) this.#previews.set(id, { ...preview, sandbox: entry });
    }
  }

  /** Its previews stop answering too. Idempotent; a newer sandbox of the same name stays. */
  removeSandbox({ id, workspace, name }: SandboxRecord): void {
    const key = sandboxKey(workspace, name);
    const entry = this.#sandboxes.get(key);
    if (entry?.sandboxId === id) {
      this.#sandboxes.delete(key);
      this.#labels.delete(entry.hostLabel);
    }
    for (const preview of this.#previews.values()) {
      if (preview.sandbox.sandboxId === id) this.removePreview(preview.previewId);
    }
  }

  /** One whose domain is gone meanwhile is gone too. */
  putPreview(sandbox: SandboxRecord, preview: PreviewRecord): void {
    if (preview.customHost !== undefined && !this.domains.bind(preview.id, preview.customHost)) return;
    const expiresAtMs = previewExpiresAtMs(preview);
    this.#previews.set(preview.id, {
      previewId: preview.id,
      sandbox: toEntry(sandbox),
      port: preview.spec.port,
      isPublic: preview.spec.public,
      requestHeaders: preview.spec.requestHeaders ?? {},
      responseHeaders: preview.spec.responseHeaders ?? {},
      ...(preview.spec.hostHeader !== undefined && { hostHeader: preview.spec.hostHeader }),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    });
  }

  removePreview(previewId: string): void {
    this.#previews.delete(previewId);
    this.#tokens.delete(previewId);
    this.domains.unbind(previewId);
  }

  /** Its previews stop answering too. Idempotent. */
  removeDomain(id: string): void {
    for (const previewId of this.domains.remove(id)) this.removePreview(previewId);
  }

  /** Once the workspace is gone. */
  removeDomainsOf(workspace: WorkspaceName): void {
    for (const id of this.domains.withdraw(workspace)) this.removeDomain(id);
  }

  putToken({ previewId, value, expiresAtMs }: PreviewTokenRecord): void {
    const tokens = this.#tokens.get(previewId) ?? new Map<string, PreviewTokenRoute>();
    tokens.set(value, { expiresAtMs });
    this.#tokens.set(previewId, tokens);
  }

  removeToken(previewId: string, value: string): void {
    this.#tokens.get(previewId)?.delete(value);
  }

  #findLive(previewId: string | undefined): PreviewRoute | undefined {
    const preview = previewId === undefined ? undefined : this.#previews.get(previewId);
    const hasExpired = preview?.expiresAtMs !== undefined && preview.expiresAtMs <= this.#clock();
    return hasExpired ? undefined : preview;
  }
}

/** The directory of everything stored. */
export async function loadDirectory(store: Store, clock: () => number): Promise<Directory> {
  const directory = new Directory(await loadCredentials(store, clock), clock);
  const sandboxes = new Map<SandboxId, SandboxRecord>();
  for (const sandbox of await store.sandboxes.all()) {
    sandboxes.set(sandbox.id, sandbox);
    const refusal = refusalOf(sandbox);
    if (sandbox.status === "DEPLOYED" || refusal === "disabled" || refusal === "building")
      directory.putSandbox(sandbox);
  }
  for (const domain of await store.customDomains.all()) directory.domains.put(domain);
  for (const preview of await store.previews.all()) {
    const sandbox = sandboxes.get(preview.sandboxId);
    if (sandbox !== undefined) directory.putPreview(sandbox, preview);
  }
  for (const token of await store.previews.allTokens()) directory.putToken(token);
  return directory;
}

function toEntry(sandbox: SandboxRecord): SandboxRoute {
  const { id, workspace, name } = sandbox;
  const refusal = refusalOf(sandbox);
  return { sandboxId: id, workspace, name, hostLabel: hostLabel(sandbox), ...(refusal !== undefined && { refusal }) };
}

/** Why a sandbox that is there takes no requests. */
function refusalOf({ status }: SandboxRecord): SandboxRoute["refusal"] {
  if (status === "DEACTIVATING" || status === "DEACTIVATED") return "disabled";
  if (status === "UPLOADING" || status === "BUILDING") return "building";
  return status === "DEPLOYING" ? "starting" : undefined;
}

const sandboxKey = (workspace: string, name: string): string => `${workspace}/${name}`;
