import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { AppError } from "@dormouse/kernel";
import { BackupEnd, BackupHeader, BackupRows } from "@dormouse/schema";
import { sql, type Kysely } from "kysely";
import { openDatabase, type StoreOptions } from "./database.ts";
import { currentMigration, dropMigrations, migrateTo, migrateToLatest, migrationNames } from "./migrations.ts";
import { continueIdentities } from "./identities.ts";
import { PRIMARY_KEYS, type Tables } from "./tables.ts";

type TableName = keyof Tables;
type Row = BackupRows["rows"][number];

/** Every table, those referred to first. */
const TABLES = Object.keys(PRIMARY_KEYS) as TableName[];
const ROWS_PER_LINE = 200;

export interface BackupSummary {
  /** Rows of all tables. */
  readonly rowCount: number;
}

/**
 * Writes every record, as of one moment, to a file that only its owner reads; the file appears when it is complete. The
 * database may be in use.
 * @throws {AppError} INVALID_ARGUMENT for a database without tables, STORE_UNAVAILABLE
 */
export async function backUp(from: StoreOptions, file: string): Promise<BackupSummary> {
  const partial = `${file}.partial`;
  await using db = await openDatabase(from);
  try {
    await rm(partial, { force: true });
    await using output = await open(partial, "wx", 0o600);
    const summary = await db
      .transaction()
      .setIsolationLevel("repeatable read")
      .setAccessMode("read only")
      .execute((snapshot) => writeAll(snapshot, output));
    await output.sync();
    await rename(partial, file);
    return summary;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

async function writeAll(db: Kysely<Tables>, output: FileHandle): Promise<BackupSummary> {
  const migration = await currentMigration(db);
  if (migration === undefined || !migrationNames().includes(migration)) {
    const state = migration === undefined ? "it has no tables" : `a later version of Dormouse has written it`;
    throw new AppError("INVALID_ARGUMENT", `Cannot back up the database: ${state}`);
  }
  const write = (line: BackupHeader | BackupRows | BackupEnd) => output.write(`${JSON.stringify(line)}\n`);
  await write({ format: "dormouse-backup", version: 1, migration, createdAt: new Date().toISOString() });
  let rowCount = 0;
  for (const table of await existingTables(db)) {
    for await (const rows of pagesOf(db, table)) {
      await write({ table, rows });
      rowCount += rows.length;
    }
  }
  await write({ rowCount });
  return { rowCount };
}

/** By the primary key, so that no table has to fit into memory. */
async function* pagesOf(db: Kysely<Tables>, table: TableName): AsyncGenerator<Row[]> {
  const keys = PRIMARY_KEYS[table];
  const columns = sql.join(keys.map((key) => sql.ref(key)));
  let behind = sql``;
  for (;;) {
    const { rows } = await sql<Row>`
      select * from ${sql.table(table)} ${behind} order by ${columns} limit ${ROWS_PER_LINE}`.execute(db);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    behind = sql`where (${columns}) > (${sql.join(keys.map((key) => last[key]))})`;
  }
}

export interface RestoreOptions {
  /** Drop the records there are. */
  readonly replace: boolean;
}

/**
 * Brings the records of a backup, of either kind of database and also of an earlier version, into a database, all or nothing.
 * @throws {AppError} INVALID_ARGUMENT for a file that is no complete backup, and for a database with records without `replace`;
 *   STORE_UNAVAILABLE
 */
export async function restore(to: StoreOptions, file: string, { replace }: RestoreOptions): Promise<BackupSummary> {
  await using input = await open(file);
  const lines = input.readLines()[Symbol.asyncIterator]();
  const header = await readHeader(file, lines);
  await using db = await openDatabase(to);
  return await db.transaction().execute(async (transaction) => {
    if (!replace) await assertEmpty(transaction);
    await dropAll(transaction);
    await migrateTo(transaction, header.migration);
    const summary = await insertAll(transaction, file, lines);
    await migrateToLatest(transaction);
    await continueIdentities(transaction);
    return summary;
  });
}

async function readHeader(file: string, lines: AsyncIterator<string>): Promise<BackupHeader> {
  const header = BackupHeader.safeParse(parseLine((await lines.next()).value as string | undefined));
  if (!header.success) throw unusable(file, "it is no backup of this format");
  if (migrationNames().includes(header.data.migration)) return header.data;
  throw unusable(file, `a later version of Dormouse has written it (step "${header.data.migration}")`);
}

async function insertAll(db: Kysely<Tables>, file: string, lines: AsyncIterator<string>): Promise<BackupSummary> {
  const tables = await existingTables(db);
  let rowCount = 0;
  for (;;) {
    const { value, done } = (await lines.next()) as IteratorResult<string, undefined>;
    const line = parseLine(value);
    const end = BackupEnd.safeParse(line);
    if (end.success && end.data.rowCount === rowCount) return { rowCount };
    if (done === true || end.success) throw unusable(file, "it is not complete");
    const page = BackupRows.safeParse(line);
    const table = tables.find((name) => name === page.data?.table);
    if (!page.success || table === undefined) throw unusable(file, `what follows row ${rowCount} is no row of ours`);
    await db.insertInto(table).values(page.data.rows).execute();
    rowCount += page.data.rows.length;
  }
}

function parseLine(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? "");
  } catch {
    return undefined;
  }
}

async function existingTables(db: Kysely<Tables>): Promise<TableName[]> {
  const tables = await db.introspection.getTables();
  return TABLES.filter((table) => tables.some(({ name }) => name === table));
}

async function assertEmpty(db: Kysely<Tables>): Promise<void> {
  for (const table of await existingTables(db)) {
    const { rows } = await sql`select 1 from ${sql.table(table)} limit 1`.execute(db);
    if (rows.length === 0) continue;
    throw new AppError("INVALID_ARGUMENT", "Cannot restore into the database: it has records", {
      hint: "Give --replace to drop them",
    });
  }
}

/** Tables of others in the same database stay. */
async function dropAll(db: Kysely<Tables>): Promise<void> {
  for (const table of (await existingTables(db)).toReversed()) await db.schema.dropTable(table).execute();
  await dropMigrations(db);
}

function unusable(file: string, state: string): AppError {
  return new AppError("INVALID_ARGUMENT", `Cannot restore "${file}": ${state}`, {
    hint: "Give a file that `dormouse backup` has written",
  });
}
