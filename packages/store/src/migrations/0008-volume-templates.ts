import type { Migration } from "kysely/migration";

export const volumeTemplates: Migration = {
  async up(db) {
    await db.schema
      .createTable("volume_templates")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("display_name", "text")
      .addColumn("labels", "text", (column) => column.notNull())
      .addColumn("default_size_mb", "bigint", (column) => column.notNull())
      .addColumn("description", "text")
      .addColumn("is_deleting", "integer", (column) => column.notNull())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("volume_templates_name", ["workspace", "name"])
      .execute();
    await db.schema
      .createTable("volume_template_versions")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("template_id", "text", (column) =>
        column.notNull().references("volume_templates.id").onDelete("cascade"),
      )
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("error", "text")
      .addColumn("content_bytes", "bigint")
      .addColumn("upload_hash", "text", (column) => column.unique())
      .addColumn("upload_expires_at_ms", "bigint", (column) => column.notNull())
      .addColumn("uploaded_at_ms", "bigint")
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("volume_template_versions_name", ["template_id", "name"])
      .execute();
    await db.schema.alterTable("volumes").addColumn("template", "text").execute();
  },
};
