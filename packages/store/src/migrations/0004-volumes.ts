import type { Migration } from "kysely/migration";

export const volumes: Migration = {
  async up(db) {
    await db.schema
      .createTable("volumes")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("display_name", "text")
      .addColumn("external_id", "text")
      .addColumn("labels", "text", (column) => column.notNull())
      .addColumn("size_mb", "bigint", (column) => column.notNull())
      .addColumn("region", "text")
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("attached_to", "text", (column) => column.references("sandboxes.id").onDelete("set null"))
      .addColumn("events", "text", (column) => column.notNull())
      .addColumn("search_text", "text", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("volumes_name", ["workspace", "name"])
      .execute();
    await db.schema
      .createIndex("volumes_created")
      .on("volumes")
      .columns(["workspace", "created_at_ms", "id"])
      .execute();
    await db.schema.createIndex("volumes_attached").on("volumes").column("attached_to").execute();
    await db.schema.createIndex("volumes_external_id").on("volumes").columns(["workspace", "external_id"]).execute();
  },
};
