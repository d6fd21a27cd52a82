import { sql, type Kysely } from "kysely";
import {
  DEFAULT_MIGRATION_LOCK_TABLE,
  DEFAULT_MIGRATION_TABLE,
  Migrator,
  type Migration,
  type MigrationResult,
} from "kysely/migration";
import { sandboxesAndPreviews } from "./migrations/0001-sandboxes-and-previews.ts";
import { accounts } from "./migrations/0002-accounts.ts";
import { sandboxLifecycle } from "./migrations/0003-sandbox-lifecycle.ts";
import { schedules } from "./migrations/0005-schedules.ts";
import { audit } from "./migrations/0006-audit.ts";
import { customDomains } from "./migrations/0007-custom-domains.ts";
import { volumes } from "./migrations/0004-volumes.ts";
import { volumeTemplates } from "./migrations/0008-volume-templates.ts";
import { images } from "./migrations/0009-images.ts";
import { builds } from "./migrations/0010-builds.ts";
import { furtherAccounts } from "./migrations/0013-further-accounts.ts";
import type { Tables } from "./tables.ts";

/** Forward only, applied in the order of their names; an applied one never changes. */
export const MIGRATIONS: Record<string, Migration> = {
  "0001-sandboxes-and-previews": sandboxesAndPreviews,
  "0002-accounts": accounts,
  "0003-sandbox-lifecycle": sandboxLifecycle,
  "0004-volumes": volumes,
  "0005-schedules": schedules,
  "0006-audit": audit,
  "0007-custom-domains": customDomains,
  "0008-volume-templates": volumeTemplates,
  "0009-images": images,
  "0010-builds": builds,
  "0013-further-accounts": furtherAccounts,
};

type Migrations = Readonly<Record<string, Migration>>;

/** Brings the schema up to date; a failing migration leaves the last good state. @throws {AppError} STORE_UNAVAILABLE */
export async function migrateToLatest(db: Kysely<Tables>, migrations: Migrations = MIGRATIONS): Promise<void> {
  const current = await currentMigration(db);
  if (current !== undefined && migrations[current] === undefined) {
    throw new Error(`Cannot open the database: a later version of Dormouse has written it (step "${current}")`);
  }
  const { error, results } = await newMigrator(db, migrations).migrateToLatest();
  throwFailure(error, results);
}

/** Brings an empty schema, or an earlier one, to the version that has `migration` as its latest. */
export async function migrateTo(db: Kysely<Tables>, migration: string): Promise<void> {
  const { error, results } = await newMigrator(db, MIGRATIONS).migrateTo(migration);
  throwFailure(error, results);
}

/** Names of all migrations, oldest first. */
export const migrationNames = (): string[] => Object.keys(MIGRATIONS).toSorted();

/** The latest migration of a database; `undefined` for one that has none. Its name may be one we do not know. */
export async function currentMigration(db: Kysely<Tables>): Promise<string | undefined> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some(({ name }) => name === DEFAULT_MIGRATION_TABLE)) return undefined;
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.table(DEFAULT_MIGRATION_TABLE)} order by name desc limit 1`.execute(db);
  return rows[0]?.name;
}

/** Forgets which migrations there were, for a database whose tables are gone. */
export async function dropMigrations(db: Kysely<Tables>): Promise<void> {
  await db.schema.dropTable(DEFAULT_MIGRATION_TABLE).ifExists().execute();
  await db.schema.dropTable(DEFAULT_MIGRATION_LOCK_TABLE).ifExists().execute();
}

function newMigrator(db: Kysely<Tables>, migrations: Migrations): Migrator {
  return new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
}

function throwFailure(error: unknown, results: readonly MigrationResult[] | undefined): void {
  if (error === undefined) return;
  const failed = results?.find(({ status }) => status === "Error");
  if (failed === undefined) throw error;
  throw new Error(`Cannot migrate the database: step "${failed.migrationName}" failed`, { cause: error });
}
