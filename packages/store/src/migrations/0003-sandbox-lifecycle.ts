import type { Migration } from "kysely/migration";

/** What expiry and the answers about a sandbox need beyond its spec. */
export const sandboxLifecycle: Migration = {
  async up(db) {
    // SQLite adds one column a statement.
    await db.schema.alterTable("sandboxes").addColumn("created_by", "text").execute();
    await db.schema.alterTable("sandboxes").addColumn("updated_by", "text").execute();
    await db.schema.alterTable("sandboxes").addColumn("last_used_at_ms", "bigint").execute();
    await db.schema
      .alterTable("sandboxes")
      .addColumn("errors", "text", (column) => column.notNull().defaultTo("[]"))
      .execute();
  },
};
