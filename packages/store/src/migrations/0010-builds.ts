import type { Migration } from "kysely/migration";

export const builds: Migration = {
  async up(db) {
    await db.schema
      .createTable("builds")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addColumn("kind", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("sandbox_id", "text")
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("runtime", "text", (column) => column.notNull())
      .addColumn("upload_hash", "text", (column) => column.unique())
      .addColumn("upload_expires_at_ms", "bigint", (column) => column.notNull())
      .addColumn("image", "text")
      .addColumn("failure", "text")
      .addColumn("created_by", "text")
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("received_at_ms", "bigint")
      .addColumn("ended_at_ms", "bigint")
      .addUniqueConstraint("builds_name", ["workspace", "kind", "name"])
      .execute();
    await db.schema
      .createTable("image_runtimes")
      .addColumn("id", "text", (column) => column.primaryKey().references("image_tags.id").onDelete("cascade"))
      .addColumn("runtime", "text", (column) => column.notNull())
      .execute();
  },
};
