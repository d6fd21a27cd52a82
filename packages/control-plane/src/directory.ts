import type { GatewayDirectory, PreviewRoute, SandboxId, SandboxRoute, WorkspaceName } from "@dormouse/schema";
import type { ApiKeyRecord, PreviewRecord, PreviewTokenRecord, SandboxRecord, Store } from "@dormouse/store";
import { previewExpiresAtMs } from "./previews/expiry.ts";
import { hashSecret } from "./secrets.ts";

export interface ApiKeyEntry {
  readonly id: string;
  readonly workspace: WorkspaceName;
}

/**
 * Everything a request to a sandbox is decided by, in memory and without waiting. The use cases change it in the same tick in
 * which the store's answer arrives, so it never promises what is not stored.
 */
export class Directory implements GatewayDirectory {
  readonly #clock: () => number;
  readonly #keys = new Map<string, ApiKeyEntry>();
  readonly #sandboxes = new Map<string, SandboxRoute>();
  readonly #previews = new Map<string, PreviewRoute>();
  /** Preview id → token → when it expires. Not hashed: it is stored readable anyway, and a hash costs 3 µs a request. */
  readonly #tokens = new Map<string, Map<string, number | undefined>>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  findSandbox(workspace: string, name: string): SandboxRoute | undefined {
    return this.#sandboxes.get(sandboxKey(workspace, name));
  }

  findPreview(previewId: string): PreviewRoute | undefined {
    return this.#previews.get(previewId);
  }

  authenticate(apiKey: string): ApiKeyEntry | undefined {
    return this.#keys.get(hashSecret(apiKey));
  }

  isApiKeyValid(workspace: string, apiKey: string): boolean {
    return this.authenticate(apiKey)?.workspace === workspace;
  }

  isPreviewTokenValid(previewId: string, token: string): boolean {
    const tokens = this.#tokens.get(previewId);
    if (tokens === undefined || !tokens.has(token)) return false;
    const expiresAtMs = tokens.get(token);
    return expiresAtMs === undefined || this.#clock() < expiresAtMs;
  }

  putKey({ id, workspace, hash }: ApiKeyRecord): void {
    this.#keys.set(hash, { id, workspace });
  }

  putSandbox(sandbox: SandboxRecord): void {
    this.#sandboxes.set(sandboxKey(sandbox.workspace, sandbox.name), toEntry(sandbox));
  }

  /** Its previews stop answering too. Idempotent; a newer sandbox of the same name stays. */
  removeSandbox({ id, workspace, name }: SandboxRecord): void {
    const key = sandboxKey(workspace, name);
    if (this.#sandboxes.get(key)?.sandboxId === id) this.#sandboxes.delete(key);
    for (const preview of this.#previews.values()) {
      if (preview.sandbox.sandboxId === id) this.removePreview(preview.previewId);
    }
  }

  putPreview(sandbox: SandboxRecord, preview: PreviewRecord): void {
    const expiresAtMs = previewExpiresAtMs(preview);
    this.#previews.set(preview.id, {
      previewId: preview.id,
      sandbox: toEntry(sandbox),
      port: preview.spec.port,
      isPublic: preview.spec.public,
      requestHeaders: preview.spec.requestHeaders ?? {},
      responseHeaders: preview.spec.responseHeaders ?? {},
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    });
  }

  removePreview(previewId: string): void {
    this.#previews.delete(previewId);
    this.#tokens.delete(previewId);
  }

  putToken({ previewId, value, expiresAtMs }: PreviewTokenRecord): void {
    const tokens = this.#tokens.get(previewId) ?? new Map<string, number | undefined>();
    tokens.set(value, expiresAtMs);
    this.#tokens.set(previewId, tokens);
  }

  removeToken(previewId: string, value: string): void {
    this.#tokens.get(previewId)?.delete(value);
  }
}

/** The directory of everything stored. */
export async function loadDirectory(store: Store, clock: () => number): Promise<Directory> {
  const directory = new Directory(clock);
  for (const key of await store.accounts.apiKeys()) directory.putKey(key);
  const sandboxes = new Map<SandboxId, SandboxRecord>();
  for (const sandbox of await store.sandboxes.all()) {
    sandboxes.set(sandbox.id, sandbox);
    if (sandbox.status === "DEPLOYED") directory.putSandbox(sandbox);
  }
  for (const preview of await store.previews.all()) {
    const sandbox = sandboxes.get(preview.sandboxId);
    if (sandbox !== undefined) directory.putPreview(sandbox, preview);
  }
  for (const token of await store.previews.allTokens()) directory.putToken(token);
  return directory;
}

const toEntry = ({ id, workspace, name }: SandboxRecord): SandboxRoute => ({ sandboxId: id, workspace, name });

const sandboxKey = (workspace: string, name: string): string => `${workspace}/${name}`;
