import { Kysely } from "kysely";
import { AccountRepository } from "./accounts.ts";
import { migrateToLatest } from "./migrations.ts";
import { PreviewRepository } from "./previews.ts";
import { SandboxRepository } from "./sandboxes.ts";
import { BunSqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

export interface StoreOptions {
  /** File of the SQLite database, created if absent; `:memory:` keeps nothing. */
  readonly sqlitePath: string;
}

/** What the server remembers. */
export class Store implements AsyncDisposable {
  readonly accounts: AccountRepository;
  readonly sandboxes: SandboxRepository;
  readonly previews: PreviewRepository;
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
    this.accounts = new AccountRepository(db);
    this.sandboxes = new SandboxRepository(db);
    this.previews = new PreviewRepository(db);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#db.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Opens the database and brings its tables up to date. */
export async function openStore({ sqlitePath }: StoreOptions): Promise<Store> {
  const db = new Kysely<Tables>({ dialect: new BunSqliteDialect(sqlitePath) });
  try {
    await migrateToLatest(db);
    return new Store(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
}
