import type { WorkspaceName } from "@dormouse/schema";
import type { Kysely } from "kysely";
import type { Tables } from "./tables.ts";

export interface ApiKeyRecord {
  readonly id: string;
  readonly workspace: WorkspaceName;
  /** Tells keys apart for people. */
  readonly name: string;
  /** SHA-256 of the key in hex. */
  readonly hash: string;
  readonly createdAtMs: number;
}

/** Rows of `installation`, `workspaces` and `api_keys`. */
export class AccountRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Sets the installation up with its first workspace and key, all or nothing. False if it was set up before. */
  async install(previewSecret: string, key: ApiKeyRecord): Promise<boolean> {
    return this.#db.transaction().execute(async (transaction) => {
      const installed = await transaction
        .insertInto("installation")
        .values({ id: 1, preview_secret: previewSecret })
        .onConflict((conflict) => conflict.doNothing())
        .returning("id")
        .executeTakeFirst();
      if (installed === undefined) return false;
      await transaction
        .insertInto("workspaces")
        .values({ name: key.workspace, created_at_ms: key.createdAtMs })
        .execute();
      await insertKey(transaction, key);
      return true;
    });
  }

  /** Seed of the preview ids: they stay the same as long as it does. */
  async previewSecret(): Promise<string> {
    const row = await this.#db.selectFrom("installation").select("preview_secret").executeTakeFirstOrThrow();
    return row.preview_secret;
  }

  async insertWorkspace(name: WorkspaceName, createdAtMs: number): Promise<void> {
    await this.#db.insertInto("workspaces").values({ name, created_at_ms: createdAtMs }).execute();
  }

  async insertApiKey(key: ApiKeyRecord): Promise<void> {
    await insertKey(this.#db, key);
  }

  async apiKeys(): Promise<ApiKeyRecord[]> {
    const rows = await this.#db.selectFrom("api_keys").selectAll().execute();
    return rows.map((row) => ({
      id: row.id,
      workspace: row.workspace as WorkspaceName,
      name: row.name,
      hash: row.hash,
      createdAtMs: row.created_at_ms,
    }));
  }
}

async function insertKey(db: Kysely<Tables>, key: ApiKeyRecord): Promise<void> {
  const { id, workspace, name, hash, createdAtMs } = key;
  await db.insertInto("api_keys").values({ id, workspace, name, hash, created_at_ms: createdAtMs }).execute();
}
