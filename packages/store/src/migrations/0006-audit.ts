import type { Migration } from "kysely/migration";

/** Without references: what happened stays known when the workspace or the user is gone. */
export const audit: Migration = {
  async up(db) {
    await db.schema
      .createTable("audit_events")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text")
      .addColumn("at_ms", "bigint", (column) => column.notNull())
      .addColumn("actor_type", "text")
      .addColumn("actor_id", "text")
      .addColumn("actor_name", "text")
      .addColumn("api_key_id", "text")
      .addColumn("action", "text", (column) => column.notNull())
      .addColumn("method", "text", (column) => column.notNull())
      .addColumn("resource", "text", (column) => column.notNull())
      .addColumn("status", "integer", (column) => column.notNull())
      .addColumn("code", "text")
      .addColumn("request_id", "text", (column) => column.notNull())
      .addColumn("client_address", "text")
      .execute();
    await db.schema.createIndex("audit_events_workspace").on("audit_events").columns(["workspace", "id"]).execute();
    await db.schema.createIndex("audit_events_at").on("audit_events").column("at_ms").execute();
  },
};
