import { Kysely } from "kysely";
import { sqliteDialect } from "./sqlite.ts";
import type { Tables } from "./tables.ts";

/** Where the records are. */
export type StoreOptions =
  | {
      /** File of the SQLite database, created if absent; `:memory:` keeps nothing. */
      readonly sqlitePath: string;
    }
  | {
      /** A PostgreSQL database, as `postgres://user:password@host:port/name`. */
      readonly databaseUrl: string;
    };

/** The database with whatever tables it has; it is connected to at its first use. Only what it needs is loaded. */
export async function openDatabase(options: StoreOptions): Promise<Kysely<Tables>> {
  if ("sqlitePath" in options) return new Kysely<Tables>({ dialect: sqliteDialect(options.sqlitePath) });
  const { postgresDialect } = await import("./postgres.ts");
  return new Kysely<Tables>({ dialect: postgresDialect(options.databaseUrl) });
}
