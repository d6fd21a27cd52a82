import type { Migration } from "kysely/migration";

export const images: Migration = {
  async up(db) {
    await db.schema
      .createTable("images")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addColumn("resource_type", "text", (column) => column.notNull())
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("events", "text", (column) => column.notNull())
      .addColumn("last_deployed_at_ms", "bigint")
      .addColumn("created_by", "text")
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("images_name", ["workspace", "resource_type", "name"])
      .execute();
    await db.schema
      .createTable("image_tags")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("image_id", "text", (column) => column.notNull().references("images.id").onDelete("cascade"))
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("size_bytes", "bigint", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("image_tags_name", ["image_id", "name"])
      .execute();
    await db.schema
      .createTable("image_shares")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("image_id", "text", (column) => column.notNull().references("images.id").onDelete("cascade"))
      .addColumn("target_workspace", "text", (column) =>
        column.notNull().references("workspaces.name").onDelete("cascade"),
      )
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("shared_by", "text", (column) => column.notNull())
      .addColumn("expires_at_ms", "bigint")
      .addColumn("last_deployed_at_ms", "bigint")
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("image_shares_target", ["image_id", "target_workspace"])
      .execute();
    await db.schema
      .createIndex("image_shares_target_workspace")
      .on("image_shares")
      .column("target_workspace")
      .execute();
    await db.schema
      .createTable("image_removals")
      .addColumn("id", "text", (column) => column.primaryKey())
      .execute();
    await db.schema.alterTable("sandboxes").addColumn("engine_image_id", "text").execute();
    await db.schema
      .createIndex("sandboxes_engine_image_id")
      .on("sandboxes")
      .column("engine_image_id")
      .where("engine_image_id", "is not", null)
      .execute();
  },
};
