import { sql, type Kysely } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import type { Tables } from "./tables.ts";

/** Forward only, applied in the order of their names; an applied one never changes. */
const MIGRATIONS: Record<string, Migration> = {
  "0001-sandboxes-and-previews": {
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

/** Brings the schema up to date; a failing migration leaves the last good state. */
export async function migrateToLatest(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find(({ status }) => status === "Error");
  throw new Error(`Cannot migrate the database: step "${failed?.migrationName ?? "unknown"}" failed`, { cause: error });
}
