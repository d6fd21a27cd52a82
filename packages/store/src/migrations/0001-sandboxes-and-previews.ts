import { sql, type Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Tables } from "../tables.ts";

export const sandboxesAndPreviews: Migration = {
  async up(db) {
    await db.schema
      .createTable("installation")
      .addColumn("id", "integer", (column) => column.primaryKey())
      .addColumn("preview_secret", "text", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("workspaces")
      .addColumn("name", "text", (column) => column.primaryKey())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .execute();
    await db.schema
      .createTable("api_keys")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("hash", "text", (column) => column.notNull().unique())
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .execute();
    await createSandboxes(db);
    await createPreviews(db);
  },
};

async function createSandboxes(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable("sandboxes")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("display_name", "text")
    .addColumn("external_id", "text")
    .addColumn("labels", "text", (column) => column.notNull())
    .addColumn("spec", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull())
    .addColumn("events", "text", (column) => column.notNull())
    .addColumn("search_text", "text", (column) => column.notNull())
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("sandboxes_live_name")
    .on("sandboxes")
    .columns(["workspace", "name"])
    .unique()
    .where(sql<boolean>`status <> 'TERMINATED'`)
    .execute();
  await db.schema
    .createIndex("sandboxes_created")
    .on("sandboxes")
    .columns(["workspace", "created_at_ms", "id"])
    .execute();
  await db.schema.createIndex("sandboxes_external_id").on("sandboxes").columns(["workspace", "external_id"]).execute();
}

async function createPreviews(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable("previews")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("sandbox_id", "text", (column) => column.notNull().references("sandboxes.id").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("display_name", "text")
    .addColumn("spec", "text", (column) => column.notNull())
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .addUniqueConstraint("previews_name", ["sandbox_id", "name"])
    .execute();
  await db.schema
    .createTable("preview_tokens")
    .addColumn("position", "integer", (column) => column.primaryKey().autoIncrement())
    .addColumn("preview_id", "text", (column) => column.notNull().references("previews.id").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("value", "text", (column) => column.notNull().unique())
    .addColumn("expires_at_ms", "bigint")
    .execute();
  await db.schema.createIndex("preview_tokens_preview").on("preview_tokens").column("preview_id").execute();
}
