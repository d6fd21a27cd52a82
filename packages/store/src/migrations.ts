import type { Kysely } from "kysely";
import { Migrator, type Migration } from "kysely/migration";
import { sandboxesAndPreviews } from "./migrations/0001-sandboxes-and-previews.ts";
import type { Tables } from "./tables.ts";

/** Forward only, applied in the order of their names; an applied one never changes. */
const MIGRATIONS: Record<string, Migration> = {
  "0001-sandboxes-and-previews": sandboxesAndPreviews,
};

/** Brings the schema up to date; a failing migration leaves the last good state. */
export async function migrateToLatest(db: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  const failed = results?.find(({ status }) => status === "Error");
  throw new Error(`Cannot migrate the database: step "${failed?.migrationName ?? "unknown"}" failed`, { cause: error });
}
