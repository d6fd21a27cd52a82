import type { Role, SubjectType, WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import type { ApiKeysTable, LoginGrantsTable, ServiceAccountsTable, Tables } from "./tables.ts";

/** Whose credential it is: a user, or a service account by its client id. */
export interface Subject {
  readonly type: SubjectType;
  readonly id: string;
}

export interface ApiKeyRecord {
  readonly id: string;
  readonly workspace: WorkspaceName;
  readonly subject: Subject;
  /** `account`: opens every workspace its user may use, and `workspace` when a request names none. */
  readonly scope: "workspace" | "account";
  /** Tells keys apart for people. */
  readonly name: string;
  /** First characters of the key; empty for one the server never saw. */
  readonly prefix: string;
  /** SHA-256 of the key in hex. */
  readonly hash: string;
  /** Id of a user or service account. */
  readonly createdBy: string;
  readonly createdAtMs: number;
  /** `undefined`: until it is revoked. */
  readonly expiresAtMs: number | undefined;
  readonly lastUsedAtMs: number | undefined;
}

/** What is known of the administrator's key, which the server never sees. */
export type FirstApiKey = Pick<ApiKeyRecord, "id" | "workspace" | "name" | "hash" | "createdAtMs">;

export interface ServiceAccountRecord {
  readonly clientId: string;
  readonly workspace: WorkspaceName;
  readonly name: string;
  readonly description: string;
  readonly role: Role;
  /** SHA-256 of the client secret in hex. */
  readonly secretHash: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** A confirmed login of a command line: lives as long as its refresh token is good. */
export interface LoginGrantRecord {
  readonly id: string;
  readonly userId: string;
  /** `undefined`: every workspace of the user. */
  readonly workspace: WorkspaceName | undefined;
  /** The key it was confirmed with, if it was one. */
  readonly apiKeyId: string | undefined;
  /** SHA-256 of the refresh token in hex. */
  readonly refreshHash: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
}

/** Rows of `service_accounts`, `api_keys` and `login_grants`. */
export class CredentialRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async insertApiKey(key: ApiKeyRecord): Promise<void> {
    await insertApiKey(this.#db, key);
  }

  async apiKeys(): Promise<ApiKeyRecord[]> {
    const rows = await this.#db.selectFrom("api_keys").selectAll().execute();
    return rows.map(fromKeyRow);
  }

  /** The first account's owner's, for the whole account; earlier ones end. Idempotent. */
  async replaceAdministratorKey(key: FirstApiKey): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const known = await transaction
        .selectFrom("api_keys")
        .select("id")
        .where("hash", "=", key.hash)
        .executeTakeFirst();
      if (known !== undefined) return;
      const { user_id: userId } = await transaction
        .selectFrom("account_owners")
        .innerJoin("installation", "installation.account_id", "account_owners.account_id")
        .select("user_id")
        .executeTakeFirstOrThrow();
      await transaction.deleteFrom("api_keys").where("scope", "=", "account").execute();
      await insertApiKey(transaction, administratorKey(key, userId));
    });
  }

  /** Newest first. Without `subject` those of everyone. */
  async apiKeysOf(workspace: WorkspaceName, subject?: Subject): Promise<ApiKeyRecord[]> {
    let query = this.#db.selectFrom("api_keys").selectAll().where("workspace", "=", workspace);
    if (subject !== undefined) query = query.where(subjectColumn(subject), "=", subject.id);
    const rows = await query.orderBy("created_at_ms", "desc").orderBy("id").execute();
    return rows.map(fromKeyRow);
  }

  async findApiKey(workspace: WorkspaceName, id: string): Promise<ApiKeyRecord | undefined> {
    const row = await this.#db
      .selectFrom("api_keys")
      .selectAll()
      .where("workspace", "=", workspace)
      .where("id", "=", id)
      .executeTakeFirst();
    return row && fromKeyRow(row);
  }

  /** Logins confirmed with it end too. Idempotent. */
  async removeApiKey(id: string): Promise<void> {
    await this.#db.deleteFrom("api_keys").where("id", "=", id).execute();
  }

  /** Key id → when it was last used. */
  async noteUse(lastUsedAtMs: ReadonlyMap<string, number>): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      for (const [id, atMs] of lastUsedAtMs) {
        await transaction.updateTable("api_keys").set({ last_used_at_ms: atMs }).where("id", "=", id).execute();
      }
    });
  }

  async insertServiceAccount(record: ServiceAccountRecord): Promise<void> {
    await this.#db.insertInto("service_accounts").values(toServiceAccountRow(record)).execute();
  }

  async serviceAccounts(): Promise<ServiceAccountRecord[]> {
    const rows = await this.#db.selectFrom("service_accounts").selectAll().orderBy("created_at_ms").execute();
    return rows.map(fromServiceAccountRow);
  }

  /** `undefined` if it is gone. */
  async changeServiceAccount(record: ServiceAccountRecord): Promise<ServiceAccountRecord | undefined> {
    const row = await this.#db
      .updateTable("service_accounts")
      .set(toServiceAccountRow(record))
      .where("client_id", "=", record.clientId)
      .returningAll()
      .executeTakeFirst();
    return row && fromServiceAccountRow(row);
  }

  /** Its keys go with it. Idempotent. */
  async removeServiceAccount(clientId: string): Promise<void> {
    await this.#db.deleteFrom("service_accounts").where("client_id", "=", clientId).execute();
  }

  async insertGrant(grant: LoginGrantRecord): Promise<void> {
    await this.#db.insertInto("login_grants").values(toGrantRow(grant)).execute();
  }

  async grants(): Promise<LoginGrantRecord[]> {
    const rows = await this.#db.selectFrom("login_grants").selectAll().execute();
    return rows.map(fromGrantRow);
  }

  /** Idempotent. */
  async removeGrant(id: string): Promise<void> {
    await this.#db.deleteFrom("login_grants").where("id", "=", id).execute();
  }

  async removeGrantsExpiredBefore(atMs: number): Promise<void> {
    await this.#db.deleteFrom("login_grants").where("expires_at_ms", "<", atMs).execute();
  }
}

/** The first key of an installation: opens every workspace of the account. */
export function administratorKey(key: FirstApiKey, userId: string): ApiKeyRecord {
  return {
    ...key,
    subject: { type: "user", id: userId },
    scope: "account",
    prefix: "",
    createdBy: userId,
    expiresAtMs: undefined,
    lastUsedAtMs: undefined,
  };
}

export async function insertApiKey(db: Kysely<Tables>, key: ApiKeyRecord): Promise<void> {
  await db
    .insertInto("api_keys")
    .values({
      id: key.id,
      workspace: key.workspace,
      name: key.name,
      hash: key.hash,
      created_at_ms: key.createdAtMs,
      user_id: key.subject.type === "user" ? key.subject.id : null,
      client_id: key.subject.type === "service_account" ? key.subject.id : null,
      scope: key.scope,
      prefix: key.prefix,
      created_by: key.createdBy,
      expires_at_ms: key.expiresAtMs ?? null,
      last_used_at_ms: key.lastUsedAtMs ?? null,
    })
    .execute();
}

const subjectColumn = ({ type }: Subject) => (type === "user" ? "user_id" : "client_id");

function fromKeyRow(row: Selectable<ApiKeysTable>): ApiKeyRecord {
  const { user_id: userId, client_id: clientId } = row;
  return {
    id: row.id,
    workspace: row.workspace as WorkspaceName,
    subject: userId === null ? { type: "service_account", id: clientId ?? "" } : { type: "user", id: userId },
    scope: row.scope as ApiKeyRecord["scope"],
    name: row.name,
    prefix: row.prefix,
    hash: row.hash,
    createdBy: row.created_by,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms ?? undefined,
    lastUsedAtMs: row.last_used_at_ms ?? undefined,
  };
}

function toServiceAccountRow(record: ServiceAccountRecord): Selectable<ServiceAccountsTable> {
  return {
    client_id: record.clientId,
    workspace: record.workspace,
    name: record.name,
    description: record.description,
    role: record.role,
    secret_hash: record.secretHash,
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

function fromServiceAccountRow(row: Selectable<ServiceAccountsTable>): ServiceAccountRecord {
  return {
    clientId: row.client_id,
    workspace: row.workspace as WorkspaceName,
    name: row.name,
    description: row.description,
    role: row.role as Role,
    secretHash: row.secret_hash,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}

function toGrantRow(grant: LoginGrantRecord): Selectable<LoginGrantsTable> {
  return {
    id: grant.id,
    user_id: grant.userId,
    workspace: grant.workspace ?? null,
    api_key_id: grant.apiKeyId ?? null,
    refresh_hash: grant.refreshHash,
    created_at_ms: grant.createdAtMs,
    expires_at_ms: grant.expiresAtMs,
  };
}

function fromGrantRow(row: Selectable<LoginGrantsTable>): LoginGrantRecord {
  return {
    id: row.id,
    userId: row.user_id,
    workspace: (row.workspace ?? undefined) as WorkspaceName | undefined,
    apiKeyId: row.api_key_id ?? undefined,
    refreshHash: row.refresh_hash,
    createdAtMs: row.created_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}
