import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const customDomains: Migration = {
  async up(db) {
    await db.schema
      .createTable("custom_domains")
      .addColumn("id", "text", (column) => column.primaryKey())
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addColumn("name", "text", (column) => column.notNull())
      .addColumn("display_name", "text")
      .addColumn("labels", "text", (column) => column.notNull())
      .addColumn("region", "text")
      .addColumn("status", "text", (column) => column.notNull())
      .addColumn("challenge", "text", (column) => column.notNull())
      .addColumn("fallback_preview_id", "text")
      .addColumn("is_account_wide", "integer", (column) => column.notNull())
      .addColumn("last_checked_at_ms", "bigint")
      .addColumn("failure", "text")
      .addColumn("created_at_ms", "bigint", (column) => column.notNull())
      .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
      .addUniqueConstraint("custom_domains_name", ["workspace", "name"])
      .execute();
    await db.schema
      .createIndex("custom_domains_verified_name")
      .on("custom_domains")
      .column("name")
      .unique()
      .where(sql<boolean>`status = 'verified'`)
      .execute();
    await db.schema
      .createTable("custom_domain_shares")
      .addColumn("domain_id", "text", (column) => column.notNull().references("custom_domains.id").onDelete("cascade"))
      .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
      .addPrimaryKeyConstraint("custom_domain_shares_key", ["domain_id", "workspace"])
      .execute();
    const previews = db.schema.alterTable("previews");
    await previews
      .addColumn("domain_id", "text", (column) => column.references("custom_domains.id").onDelete("cascade"))
      .execute();
    await previews.addColumn("hostname", "text").execute();
    await db.schema
      .createIndex("previews_hostname")
      .on("previews")
      .columns(["domain_id", "hostname"])
      .unique()
      .execute();
  },
};
