import { AppError } from "@dormouse/kernel";
import type { CustomDomainStatus, DomainName, WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import type { CustomDomainSharesTable, CustomDomainsTable, Tables } from "./tables.ts";

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
  /** Further workspaces that may use it. */
  readonly sharedWith: readonly WorkspaceName[];
  readonly lastCheckedAtMs: number | undefined;
  /** Why its status is `failed`. */
  readonly failure: string | undefined;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Columns a later write may change. */
export type CustomDomainChange = Partial<Pick<CustomDomainRecord, "displayName" | "labels" | "fallbackPreviewId">> & {
  readonly updatedAtMs: number;
};

/** What DNS says of a domain. */
export type CustomDomainCheck = Pick<CustomDomainRecord, "status" | "failure"> & { readonly lastCheckedAtMs: number };

/** Who may use a domain beside the workspace that owns it. */
export type CustomDomainAudience = Pick<CustomDomainRecord, "isAccountWide" | "sharedWith"> & {
  readonly updatedAtMs: number;
};

/** Rows of `custom_domains` and `custom_domain_shares`. */
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
    const shares = await this.#db.selectFrom("custom_domain_shares").selectAll().execute();
    return rows.map((row) => fromRow(row, shares));
  }

  /** The changed record; `undefined` if it is gone. */
  async change(id: string, change: CustomDomainChange): Promise<CustomDomainRecord | undefined> {
    return this.#db.transaction().execute((transaction) => applyChange(transaction, id, change));
  }

  /** @throws {AppError} DOMAIN_ALREADY_EXISTS when it would be verified, but another workspace has been faster */
  async settle(id: string, check: CustomDomainCheck): Promise<CustomDomainRecord | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      if (check.status === "verified") {
        const domain = await find(transaction, id);
        if (domain !== undefined) await requireUncontested(transaction, domain);
      }
      return applyChange(transaction, id, check);
    });
  }

  /** The previews under it of those who may not use it any more go; `removedPreviewIds` are theirs. */
  async share(
    id: string,
    audience: CustomDomainAudience,
  ): Promise<{ domain: CustomDomainRecord; removedPreviewIds: string[] } | undefined> {
    return this.#db.transaction().execute(async (transaction) => {
      const domain = await applyChange(transaction, id, audience);
      if (domain === undefined) return undefined;
      await transaction.deleteFrom("custom_domain_shares").where("domain_id", "=", id).execute();
      for (const workspace of domain.sharedWith) {
        await transaction.insertInto("custom_domain_shares").values({ domain_id: id, workspace }).execute();
      }
      return { domain, removedPreviewIds: await removeUninvited(transaction, domain) };
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
  const domain = await find(db, id);
  if (domain === undefined) return undefined;
  const changed = { ...domain, ...change };
  await db.updateTable("custom_domains").set(toRow(changed)).where("id", "=", id).execute();
  return changed;
}

/** Nobody else changes it until the transaction ends. */
async function find(db: Kysely<Tables>, id: string): Promise<CustomDomainRecord | undefined> {
  const row = await db.selectFrom("custom_domains").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
  const shares = await db.selectFrom("custom_domain_shares").selectAll().where("domain_id", "=", id).execute();
  return row && fromRow(row, shares);
}

async function removeUninvited(db: Kysely<Tables>, domain: CustomDomainRecord): Promise<string[]> {
  const removed = await db
    .deleteFrom("previews")
    .where("domain_id", "=", domain.id)
    .where("sandbox_id", "in", (eb) =>
      eb.selectFrom("sandboxes").select("id").where("workspace", "not in", audienceOf(db, domain)),
    )
    .returning("id")
    .execute();
  return removed.map(({ id }) => id);
}

/** Names of the workspaces that may use a domain. */
function audienceOf(db: Kysely<Tables>, { id, workspace, isAccountWide }: CustomDomainRecord) {
  return db
    .selectFrom("workspaces")
    .select("name")
    .where((eb) => {
      const account = eb
        .selectFrom("workspaces as owner")
        .select("owner.account_id")
        .where("owner.name", "=", workspace);
      const shares = eb.selectFrom("custom_domain_shares").select("workspace").where("domain_id", "=", id);
      const named = [eb("name", "=", workspace), eb("name", "in", shares)];
      return eb.or(isAccountWide ? [...named, eb("account_id", "=", account)] : named);
    });
}

/** Until the transaction ends the workspace may have previews under it. @throws {AppError} DOMAIN_NOT_FOUND */
export async function requireUsable(db: Kysely<Tables>, id: string, workspace: string): Promise<void> {
  const domain = await find(db, id);
  if (domain?.status === "verified") {
    const user = await audienceOf(db, domain).where("name", "=", workspace).executeTakeFirst();
    if (user !== undefined) return;
  }
  throw new AppError("DOMAIN_NOT_FOUND", "Cannot create a preview under the domain: it cannot be used any more");
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
function fromRow(
  row: Selectable<CustomDomainsTable>,
  shares: readonly Selectable<CustomDomainSharesTable>[],
): CustomDomainRecord {
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
    sharedWith: shares.filter((share) => share.domain_id === row.id).map((share) => share.workspace as WorkspaceName),
    lastCheckedAtMs: row.last_checked_at_ms ?? undefined,
    failure: row.failure ?? undefined,
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
  };
}
