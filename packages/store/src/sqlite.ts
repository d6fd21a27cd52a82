import { closeSync, openSync } from "node:fs";
import { Database, type SQLQueryBindings } from "bun:sqlite";
import {
  CompiledQuery,
  SqliteAdapter,
  SqliteDriver,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type DatabaseConnection,
  type Dialect,
  type SelectModifierNode,
  type SqliteDatabase,
  type SqliteStatement,
  type TransactionSettings,
} from "kysely";

const BUSY_TIMEOUT_MS = 5000;

/** Kysely's SQLite dialect over `bun:sqlite`. `path` may be `:memory:`. */
export const sqliteDialect = (path: string): Dialect => ({
  createAdapter: () => new TransactionalSqliteAdapter(),
  createDriver: () => new ImmediateSqliteDriver({ database: () => Promise.resolve(openDatabase(path)) }),
  createIntrospector: (db) => new SqliteIntrospector(db),
  createQueryCompiler: () => new LocklessSqliteQueryCompiler(),
});

/** SQLite rolls table changes back like any other write, so a migration that dies leaves nothing behind. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

/** A transaction that reads and then writes would fail when another process wrote in between: it waits at its start instead. */
class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection, settings?: TransactionSettings): Promise<void> {
    await connection.executeQuery(
      CompiledQuery.raw(settings?.accessMode === "read only" ? "begin" : "begin immediate"),
    );
  }
}

/** `for update` is left out: a transaction here has the whole database to itself. */
class LocklessSqliteQueryCompiler extends SqliteQueryCompiler {
  protected override visitSelectModifier(node: SelectModifierNode): void {
    if (node.modifier === "ForUpdate") return;
    super.visitSelectModifier(node);
  }
}

function openDatabase(path: string): SqliteDatabase {
  // The file holds secrets: SQLite gives its companions the mode of the file it finds.
  if (path !== ":memory:") closeSync(openSync(path, "a", 0o600));
  const database = new Database(path, { create: true, readwrite: true });
  // First, so that the next ones already wait for another process that has the file.
  database.run(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  database.run("PRAGMA journal_mode = WAL");
  database.run("PRAGMA synchronous = NORMAL");
  database.run("PRAGMA foreign_keys = ON");
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
