import type { Role, WorkspaceName } from "@dormouse/schema";
import type { ApiKeyRecord, LoginGrantRecord, Store, Subject } from "@dormouse/store";
import { hashSecret } from "../secrets.ts";
import { AccessTokens } from "./access-tokens.ts";
import { loadPeople, type People } from "./people.ts";

/** Whom a credential stands for, and how far it reaches. */
export interface Principal extends Subject {
  /** An email, or the name of a service account. */
  readonly name: string;
  readonly apiKeyId: string | undefined;
  /** The only workspace it opens; `undefined`: every one its subject may use. */
  readonly scope: WorkspaceName | undefined;
  /** The workspace of a request that names none. */
  readonly home: WorkspaceName | undefined;
  /** `undefined`: until it is revoked. */
  readonly expiresAtMs: number | undefined;
}

interface KeyEntry {
  readonly record: ApiKeyRecord;
  lastUsedAtMs: number | undefined;
  isUseStored: boolean;
}

/**
 * Every live credential, in memory: each request to the API and to a sandbox is decided by it. Unknown, expired, revoked and
 * mangled ones are told apart by nothing.
 */
export class Credentials {
  readonly people: People;
  readonly accessTokens: AccessTokens;
  readonly #clock: () => number;
  /** By the hash of the key. */
  readonly #keys = new Map<string, KeyEntry>();
  readonly #grants = new Map<string, LoginGrantRecord>();

  constructor(people: People, accessTokens: AccessTokens, clock: () => number) {
    this.people = people;
    this.accessTokens = accessTokens;
    this.#clock = clock;
  }

  /** `credential` is an API key or an access token. */
  authenticate(credential: string): Principal | undefined {
    const hash = hashSecret(credential);
    const principal = this.#authenticateKey(hash) ?? this.#authenticateToken(credential, hash);
    if (principal?.scope === undefined) return principal;
    return this.people.roleOf(principal, principal.scope) === undefined ? undefined : principal;
  }

  /** True when `credential` opens `workspace`. */
  opens(workspace: string, credential: string): boolean {
    const principal = this.authenticate(credential);
    return principal !== undefined && this.roleIn(principal, workspace) !== undefined;
  }

  /** `undefined` where the credential does not reach or its subject has no business. */
  roleIn(principal: Principal, workspace: string): Role | undefined {
    if (principal.scope !== undefined && principal.scope !== workspace) return undefined;
    return this.people.roleOf(principal, workspace);
  }

  /** True for an owner of the first account, with a credential that is not for one workspace only. */
  isInstallationAdmin(principal: Principal): boolean {
    return principal.scope === undefined && this.people.owns(principal, this.people.firstAccountId);
  }

  lastUsedAtMs({ hash, lastUsedAtMs }: ApiKeyRecord): number | undefined {
    return this.#keys.get(hash)?.lastUsedAtMs ?? lastUsedAtMs;
  }

  /** Key id → when it was last used, of the keys used since the last call. */
  takeUses(): Map<string, number> {
    const uses = new Map<string, number>();
    for (const entry of this.#keys.values()) {
      if (entry.isUseStored || entry.lastUsedAtMs === undefined) continue;
      uses.set(entry.record.id, entry.lastUsedAtMs);
      entry.isUseStored = true;
    }
    return uses;
  }

  findGrantByRefreshToken(refreshToken: string): LoginGrantRecord | undefined {
    const hash = hashSecret(refreshToken);
    for (const grant of this.#grants.values()) if (grant.refreshHash === hash) return this.#liveGrant(grant.id);
    return undefined;
  }

  /** The grant an access token comes from. */
  findGrantByAccessToken(token: string): LoginGrantRecord | undefined {
    const claims = this.accessTokens.verify(token, hashSecret(token));
    return claims?.sid === undefined ? undefined : this.#liveGrant(claims.sid);
  }

  putKey(record: ApiKeyRecord): void {
    this.#keys.set(record.hash, { record, lastUsedAtMs: record.lastUsedAtMs, isUseStored: true });
  }

  /** Logins confirmed with it end too. */
  removeKey({ id, hash }: Pick<ApiKeyRecord, "id" | "hash">): void {
    this.#keys.delete(hash);
    for (const grant of this.#grants.values()) if (grant.apiKeyId === id) this.#grants.delete(grant.id);
  }

  putGrant(grant: LoginGrantRecord): void {
    this.#grants.set(grant.id, grant);
  }

  removeGrant(id: string): void {
    this.#grants.delete(id);
  }

  /** Takes away what opens only `workspace`: of one subject, or of everyone. */
  removeOf(workspace: WorkspaceName, subject?: Subject): void {
    for (const { record } of this.#keys.values()) {
      const isTheirs = subject === undefined || subject.id === record.subject.id;
      if (record.workspace === workspace && record.scope === "workspace" && isTheirs) this.removeKey(record);
    }
    for (const grant of this.#grants.values()) {
      const isTheirs = subject === undefined || subject.id === grant.userId;
      if (grant.workspace === workspace && isTheirs) this.#grants.delete(grant.id);
    }
  }

  #authenticateKey(hash: string): Principal | undefined {
    const entry = this.#keys.get(hash);
    if (entry === undefined) return undefined;
    const { id, subject, scope, workspace, expiresAtMs } = entry.record;
    const nowMs = this.#clock();
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return undefined;
    entry.lastUsedAtMs = nowMs;
    entry.isUseStored = false;
    const name = this.people.nameOf(subject);
    const reach = scope === "account" ? undefined : workspace;
    return { ...subject, name, apiKeyId: id, scope: reach, home: workspace, expiresAtMs };
  }

  #authenticateToken(token: string, hash: string): Principal | undefined {
    const claims = this.accessTokens.verify(token, hash);
    if (claims === undefined) return undefined;
    const subject: Subject = { type: claims.sub_type, id: claims.sub };
    const shared = {
      ...subject,
      name: this.people.nameOf(subject),
      apiKeyId: undefined,
      expiresAtMs: claims.exp * 1000,
    };
    if (subject.type === "service_account") {
      const workspace = this.people.serviceAccount(subject.id)?.workspace;
      return workspace && { ...shared, scope: workspace, home: workspace };
    }
    const grant = this.#liveGrant(claims.sid ?? "");
    if (grant === undefined) return undefined;
    return { ...shared, scope: grant.workspace, home: grant.workspace ?? this.people.workspacesOf(subject)[0] };
  }

  #liveGrant(id: string): LoginGrantRecord | undefined {
    const grant = this.#grants.get(id);
    return grant !== undefined && grant.expiresAtMs > this.#clock() ? grant : undefined;
  }
}

/** The credentials of everything stored. */
export async function loadCredentials(store: Store, clock: () => number): Promise<Credentials> {
  const tokens = new AccessTokens(await store.accounts.tokenSecret(), clock);
  const credentials = new Credentials(await loadPeople(store), tokens, clock);
  for (const key of await store.credentials.apiKeys()) credentials.putKey(key);
  for (const grant of await store.credentials.grants()) credentials.putGrant(grant);
  return credentials;
}
