import type { Migration } from "kysely/migration";

export const furtherAccounts: Migration = {
  async up(db) {
    await db.schema.createIndex("accounts_name").on("accounts").column("name").unique().execute();
    await db.schema
      .alterTable("installation")
      .addColumn("account_id", "text", (column) => column.references("accounts.id"))
      .execute();
    await db
      .updateTable("installation")
      .set((eb) => ({
        account_id: eb.selectFrom("accounts").select("id").orderBy("created_at_ms").orderBy("id").limit(1),
      }))
      .execute();
    await db.schema
      .alterTable("memberships")
      .addColumn("invitation_makes_owner", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
    // Without a reference, as its other columns.
    await db.schema.alterTable("audit_events").addColumn("account_id", "text").execute();
  },
};
