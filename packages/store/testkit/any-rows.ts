import { sql, type Kysely } from "kysely";
import { PRIMARY_KEYS, type Tables } from "../src/tables.ts";

type AnyRow = Readonly<Record<string, string | number | null>>;

/** The same in every column of its kind: whatever refers to something finds it, and every text is a JSON object. */
const ANY_TEXT = "{}";
const ANY_NUMBER = 1;

/** One row for each of our tables there are, whatever their columns are in this version. */
export async function fillTables(db: Kysely<Tables>): Promise<void> {
  for (const { name, columns } of await ourTables(db)) {
    const row = columns.map((column): [string, string | number] => [
      column.name,
      /text/i.test(column.dataType) ? ANY_TEXT : ANY_NUMBER,
    ]);
    await db
      .insertInto(name)
      .values(Object.fromEntries(row) as never)
      .execute();
  }
}

/** All rows of our tables. */
export async function readTables(db: Kysely<Tables>): Promise<Record<string, AnyRow[]>> {
  const read: Record<string, AnyRow[]> = {};
  for (const { name } of await ourTables(db)) {
    read[name] = (await sql<AnyRow>`select * from ${sql.table(name)}`.execute(db)).rows;
  }
  return read;
}

async function ourTables(db: Kysely<Tables>) {
  const tables = await db.introspection.getTables();
  const names = Object.keys(PRIMARY_KEYS) as (keyof Tables)[];
  return names.flatMap((name) => {
    const table = tables.find((table) => table.name === name);
    return table === undefined ? [] : [{ name, columns: table.columns }];
  });
}
