import { AppError } from "@dormouse/kernel";
import type { CustomDomainStatus, DomainName, WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import type { CustomDomainsTable, Tables } from "./tables.ts";

export interface CustomDomainRecord {
  readonly id: string;
  /** The one that owns it. */
  readonly workspace: WorkspaceName;
  readonly name: DomainName;
  readonly displayName: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly region: string | undefined;
  readonly status: CustomDomainStatus;
  /** What the domain's TXT record must hold. */
  readonly challenge: string;
  /** Of a preview that may be gone. */
  readonly fallbackPreviewId: string | undefined;
  /** Every workspace of the account may use it. */
  readonly isAccountWide: boolean;
  readonly lastCheckedAtMs: number | undefined;
  /** Why its status is `failed`. */
  readonly failure: string | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Columns a later write may change. */
export type CustomDomainChange = Partial<
  Pick<CustomDomainRecord, "displayName" | "labels" | "fallbackPreviewId" | "isAccountWide">
> & { readonly updatedAtMs: number };

/** What DNS says of a domain. */
export type CustomDomainCheck = Pick<CustomDomainRecord, "status" | "failure"> & { readonly lastCheckedAtMs: number };

/** Rows of `custom_domains`. */
export class CustomDomainRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** @throws {AppError} DOMAIN_ALREADY_EXISTS when the workspace has it, or another one has verified it or one above or below */
  async insert(record: CustomDomainRecord): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await requireUncontested(transaction, record);
      const inserted = await transaction
        .insertInto("custom_domains")
        .values(toRow(record))
        .onConflict((conflict) => conflict.doNothing())
        .returning("id")
        .executeTakeFirst();
      if (inserted !== undefined) return;
      throw new AppError("DOMAIN_ALREADY_EXISTS", `Cannot add domain "${record.name}": the workspace has it already`, {
        hint: "Verify it, or delete it first",
      });
    });
  }

  async all(): Promise<CustomDomainRecord[]> {
    const rows = await this.#db.selectFrom("custom_domains").selectAll().execute();
    return rows.map(fromRow);
  }

  /** The changed record; `undefined` if it is gone. */
  async change(id: string, change: CustomDomainChange): Promise<CustomDomainRecord | undefined> {
    return this.#db.transaction().execute((transaction) => applyChange(transaction, id, change));
  }

  /** @throws {AppError} DOMAIN_ALREADY_EXISTS when it would be verified, but another workspace has been faster */
  async settle(id: string, check: CustomDomainCheck): Promise<CustomDomainRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      if (check.status === "verified") {
        const row = await transaction.selectFrom("custom_domains").selectAll().where("id", "=", id).executeTakeFirst();
        if (row !== undefined) await requireUncontested(transaction, fromRow(row));
      }
      return applyChange(transaction, id, check);
    });
  }

  /** Its previews go with it. Idempotent. */
  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom("custom_domains").where("id", "=", id).execute();
  }
}

async function applyChange(
  db: Kysely<Tables>,
  id: string,
  change: Partial<CustomDomainRecord>,
): Promise<CustomDomainRecord | undefined> {
  const row = await db.selectFrom("custom_domains").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
  if (row === undefined) return undefined;
  const changed = { ...fromRow(row), ...change };
  await db.updateTable("custom_domains").set(toRow(changed)).where("id", "=", id).execute();
  return changed;
}

/**
 * No name of a domain belongs to two workspaces. Claims that are not verified do not count: anyone can make them.
 * @throws {AppError} DOMAIN_ALREADY_EXISTS
 */
async function requireUncontested(db: Kysely<Tables>, { name, workspace }: CustomDomainRecord): Promise<void> {
  // Until the transaction ends nobody else's domain becomes verified: no row says that a name above or below is free.
  await db.selectFrom("installation").select("id").forUpdate().execute();
  const other = await db
    .selectFrom("custom_domains")
    .select("name")
    .where("status", "=", "verified")
    .where("workspace", "!=", workspace)
    .where((eb) => eb.or([eb("name", "in", withParents(name)), eb("name", "like", `%.${name}`)]))
    .limit(1)
    .executeTakeFirst();
  if (other === undefined) return;
  throw new AppError("DOMAIN_ALREADY_EXISTS", `Cannot use domain "${name}": another workspace has "${other.name}"`, {
    hint: "It must delete its domain first, or share it with your workspace",
  });
}

/** `a.b.c` → `a.b.c`, `b.c`, `c`. */
function withParents(name: string): string[] {
  const labels = name.split(".");
  return labels.map((_label, at) => labels.slice(at).join("."));
}

function toRow(record: CustomDomainRecord): Selectable<CustomDomainsTable> {
  return {
    id: record.id,
    workspace: record.workspace,
    name: record.name,
    display_name: record.displayName ?? null,
    labels: JSON.stringify(record.labels),
    region: record.region ?? null,
    status: record.status,
    challenge: record.challenge,
    fallback_preview_id: record.fallbackPreviewId ?? null,
    is_account_wide: record.isAccountWide ? 1 : 0,
    last_checked_at_ms: record.lastCheckedAtMs ?? null,
    failure: record.failure ?? null,
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: Selectable<CustomDomainsTable>): CustomDomainRecord {
  return {
    id: row.id,
    workspace: row.workspace as WorkspaceName,
    name: row.name as DomainName,
    displayName: row.display_name ?? undefined,
    labels: JSON.parse(row.labels) as Record<string, string>,
    region: row.region ?? undefined,
    status: row.status as CustomDomainStatus,
    challenge: row.challenge,
    fallbackPreviewId: row.fallback_preview_id ?? undefined,
    isAccountWide: row.is_account_wide === 1,
    lastCheckedAtMs: row.last_checked_at_ms ?? undefined,
    failure: row.failure ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
