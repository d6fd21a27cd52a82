import { closeSync, openSync } from "node:fs";
import { Database, type SQLQueryBindings } from "bun:sqlite";
import { SqliteAdapter, SqliteDialect, type SqliteDatabase, type SqliteStatement } from "kysely";

const BUSY_TIMEOUT_MS = 5000;

/** Kysely's SQLite dialect over `bun:sqlite`. `path` may be `:memory:`. */
export class BunSqliteDialect extends SqliteDialect {
  constructor(path: string) {
    super({ database: () => Promise.resolve(openDatabase(path)) });
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** SQLite rolls table changes back like any other write, so a migration that dies leaves nothing behind. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

function openDatabase(path: string): SqliteDatabase {
  // The file holds secrets: SQLite gives its companions the mode of the file it finds.
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
  const database = new Database(path, { create: true, readwrite: true });
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA foreign_keys = ON");
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  return {
    close: () => database.close(),
    prepare: (sql) => toStatement(database, sql),
  };
}

function toStatement(database: Database, sql: string): SqliteStatement {
  const statement = database.query<unknown, SQLQueryBindings[]>(sql);
  return {
    reader: statement.columnNames.length > 0,
    all: (parameters) => statement.all(...(parameters as SQLQueryBindings[])),
    run: (parameters) => statement.run(...(parameters as SQLQueryBindings[])),
    iterate: (parameters) => statement.iterate(...(parameters as SQLQueryBindings[])),
  };
}
