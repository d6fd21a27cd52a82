import { Kysely } from "kysely";
import { postgresDialect } from "./postgres.ts";
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

/** The database with whatever tables it has; it is connected to at its first use. */
export function openDatabase(options: StoreOptions): Kysely<Tables> {
  const dialect = "databaseUrl" in options ? postgresDialect(options.databaseUrl) : sqliteDialect(options.sqlitePath);
  return new Kysely<Tables>({ dialect });
}
