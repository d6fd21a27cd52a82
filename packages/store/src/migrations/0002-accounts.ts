import { randomId, randomSecret } from "@dormouse/kernel";
import type { Kysely } from "kysely";
import type { Migration } from "kysely/migration";
import type { Tables } from "../tables.ts";

export const accounts: Migration = {
  async up(db) {
    await createPeople(db);
    await extendInstallation(db);
    await createCredentials(db);
    await adoptFirstWorkspaces(db);
  },
};

async function createPeople(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable("accounts")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("users")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("email", "text", (column) => column.notNull().unique())
    .addColumn("password_hash", "text")
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("account_owners")
    .addColumn("account_id", "text", (column) => column.notNull().references("accounts.id").onDelete("cascade"))
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addPrimaryKeyConstraint("account_owners_key", ["account_id", "user_id"])
    .execute();
  await db.schema
    .createTable("memberships")
    .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("invited_by", "text", (column) => column.notNull())
    .addColumn("invitation_hash", "text", (column) => column.unique())
    .addColumn("invitation_expires_at_ms", "bigint")
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .addPrimaryKeyConstraint("memberships_key", ["workspace", "user_id"])
    .execute();
}

/** SQLite adds one column a statement, and none that must be set in the rows there are. */
async function extendInstallation(db: Kysely<Tables>): Promise<void> {
  await db.schema.alterTable("installation").addColumn("token_secret", "text").execute();
  await db.updateTable("installation").set({ token_secret: randomSecret() }).execute();
  const workspaces = db.schema.alterTable("workspaces");
  await workspaces.addColumn("id", "text").execute();
  await workspaces.addColumn("account_id", "text", (column) => column.references("accounts.id")).execute();
  await workspaces.addColumn("display_name", "text", (column) => column.notNull().defaultTo("")).execute();
  await workspaces.addColumn("labels", "text", (column) => column.notNull().defaultTo("{}")).execute();
  await workspaces.addColumn("created_by", "text", (column) => column.notNull().defaultTo("")).execute();
  await workspaces.addColumn("updated_at_ms", "bigint", (column) => column.notNull().defaultTo(0)).execute();
}

async function createCredentials(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable("service_accounts")
    .addColumn("client_id", "text", (column) => column.primaryKey())
    .addColumn("workspace", "text", (column) => column.notNull().references("workspaces.name").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("description", "text", (column) => column.notNull())
    .addColumn("role", "text", (column) => column.notNull())
    .addColumn("secret_hash", "text", (column) => column.notNull())
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .addColumn("updated_at_ms", "bigint", (column) => column.notNull())
    .execute();
  const keys = db.schema.alterTable("api_keys");
  await keys.addColumn("user_id", "text", (column) => column.references("users.id").onDelete("cascade")).execute();
  await keys
    .addColumn("client_id", "text", (column) => column.references("service_accounts.client_id").onDelete("cascade"))
    .execute();
  await keys.addColumn("scope", "text", (column) => column.notNull().defaultTo("workspace")).execute();
  await keys.addColumn("prefix", "text", (column) => column.notNull().defaultTo("")).execute();
  await keys.addColumn("created_by", "text", (column) => column.notNull().defaultTo("")).execute();
  await keys.addColumn("expires_at_ms", "bigint").execute();
  await keys.addColumn("last_used_at_ms", "bigint").execute();
  await db.schema
    .createTable("login_grants")
    .addColumn("id", "text", (column) => column.primaryKey())
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("workspace", "text", (column) => column.references("workspaces.name").onDelete("cascade"))
    .addColumn("api_key_id", "text", (column) => column.references("api_keys.id").onDelete("cascade"))
    .addColumn("refresh_hash", "text", (column) => column.notNull().unique())
    .addColumn("created_at_ms", "bigint", (column) => column.notNull())
    .addColumn("expires_at_ms", "bigint", (column) => column.notNull())
    .execute();
}

/** An installation that was there before gets the account and the administrator a new one starts with. */
async function adoptFirstWorkspaces(db: Kysely<Tables>): Promise<void> {
  const workspaces = await db.selectFrom("workspaces").select(["name", "created_at_ms"]).execute();
  const [first] = workspaces;
  if (first === undefined) return;
  const accountId = randomId(20);
  const userId = randomId(20);
  const email = "admin@localhost";
  const { created_at_ms } = first;
  await db.insertInto("accounts").values({ id: accountId, name: first.name, created_at_ms }).execute();
  await db.insertInto("users").values({ id: userId, email, password_hash: null, created_at_ms }).execute();
  await db.insertInto("account_owners").values({ account_id: accountId, user_id: userId }).execute();
  for (const { name, created_at_ms } of workspaces) {
    await db
      .updateTable("workspaces")
      .set({ id: randomId(20), account_id: accountId, created_by: userId, updated_at_ms: created_at_ms })
      .where("name", "=", name)
      .execute();
    await db
      .insertInto("memberships")
      .values({ workspace: name, user_id: userId, role: "admin", invited_by: userId, created_at_ms })
      .execute();
  }
  await db.updateTable("api_keys").set({ user_id: userId, created_by: userId }).execute();
  await db.updateTable("api_keys").set({ scope: "account" }).where("name", "=", "administrator").execute();
}
