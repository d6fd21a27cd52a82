import { type Kysely, PostgresAdapter, sql } from "kysely";
import { PRIMARY_KEYS, type Tables } from "./tables.ts";

/** Has the numbers that Postgres gives to new rows follow those of the rows there are. SQLite does that by itself. */
export async function continueIdentities(db: Kysely<Tables>): Promise<void> {
  if (!(db.getExecutor().adapter instanceof PostgresAdapter)) return;
  const tables = await db.introspection.getTables();
  for (const table of tables.filter(({ name }) => name in PRIMARY_KEYS)) {
    for (const { name } of table.columns.filter(({ isAutoIncrementing }) => isAutoIncrementing)) {
      await sql`
        select setval(pg_get_serial_sequence(${table.name}, ${name}), coalesce(max(${sql.ref(name)}), 0) + 1, false)
        from ${sql.table(table.name)}`.execute(db);
    }
  }
}
