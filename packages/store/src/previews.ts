import { AppError } from "@dormouse/kernel";
import type { PreviewName, PreviewSpec, SandboxId, WorkspaceName } from "@dormouse/schema";
import type { Kysely, Selectable } from "kysely";
import { requireUsable } from "./custom-domains.ts";
import type { PreviewsTable, PreviewTokensTable, Tables } from "./tables.ts";

export interface PreviewRecord {
  /** Stands in its URL; unique in the installation. */
  readonly id: string;
  readonly sandboxId: SandboxId;
  readonly name: PreviewName;
  readonly displayName: string | undefined;
  readonly spec: PreviewSpec;
  readonly createdAtMs: number;
  /** Where it is under a custom domain; the preview goes with the domain. */
  readonly customHost: CustomHost | undefined;
}

export interface CustomHost {
  readonly domainId: string;
  /** The domain, or a name below it. */
  readonly hostname: string;
}

export interface PreviewTokenRecord {
  readonly previewId: string;
  /** Chosen by the client, need not be unique. */
  readonly name: string;
  readonly value: string;
  /** `undefined`: as long as its preview. */
  readonly expiresAtMs: number | undefined;
}

/** Rows of `previews` and `preview_tokens`. */
export class PreviewRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /**
   * Takes the places of `replacedIds`, whose tokens go with them.
   * @throws {AppError} SANDBOX_NOT_FOUND, DOMAIN_NOT_FOUND for one that the workspace may not use any more, PREVIEW_ALREADY_EXISTS if the
   *   name, the id or the host is still taken.
   */
  async insert(record: PreviewRecord, replacedIds: readonly string[] = []): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const workspace = await requireSandbox(transaction, record.sandboxId);
      if (record.customHost !== undefined) await requireUsable(transaction, record.customHost.domainId, workspace);
      if (replacedIds.length > 0) await transaction.deleteFrom("previews").where("id", "in", replacedIds).execute();
      const inserted = await transaction
        .insertInto("previews")
        .values(toRow(record))
        .onConflict((conflict) => conflict.doNothing())
        .returning("id")
        .executeTakeFirst();
      if (inserted !== undefined) return;
      throw new AppError("PREVIEW_ALREADY_EXISTS", `Cannot create preview "${record.name}": its name or URL is taken`, {
        hint: "Choose another name or prefixUrl, or replace the preview with force=true",
      });
    });
  }

  async find(sandboxId: SandboxId, name: string): Promise<PreviewRecord | undefined> {
    const row = await this.#db
      .selectFrom("previews")
      .selectAll()
      .where("sandbox_id", "=", sandboxId)
      .where("name", "=", name)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  async findById(id: string): Promise<PreviewRecord | undefined> {
    const row = await this.#db.selectFrom("previews").selectAll().where("id", "=", id).executeTakeFirst();
    return row && fromRow(row);
  }

  /** Oldest first. */
  async listOf(sandboxId: SandboxId): Promise<PreviewRecord[]> {
    const rows = await this.#db
      .selectFrom("previews")
      .selectAll()
      .where("sandbox_id", "=", sandboxId)
      .orderBy("created_at_ms")
      .orderBy("name")
      .execute();
    return rows.map(fromRow);
  }

  async inWorkspace(workspace: WorkspaceName): Promise<PreviewRecord[]> {
    const rows = await this.#db
      .selectFrom("previews")
      .selectAll()
      .where("sandbox_id", "in", (eb) => eb.selectFrom("sandboxes").select("id").where("workspace", "=", workspace))
      .execute();
    return rows.map(fromRow);
  }

  async all(): Promise<PreviewRecord[]> {
    const rows = await this.#db.selectFrom("previews").selectAll().execute();
    return rows.map(fromRow);
  }

  /** Takes over its spec and display name; its tokens stay. @throws {AppError} PREVIEW_NOT_FOUND */
  async update({ id, name, spec, displayName }: PreviewRecord): Promise<void> {
    const updated = await this.#db
      .updateTable("previews")
      .set({ spec: JSON.stringify(spec), display_name: displayName ?? null })
      .where("id", "=", id)
      .returning("id")
      .executeTakeFirst();
    if (updated === undefined)
      throw new AppError("PREVIEW_NOT_FOUND", `Cannot update preview "${name}": it was deleted meanwhile`);
  }

  /** Its tokens go with it. Idempotent. */
  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom("previews").where("id", "=", id).execute();
  }

  /** @throws {AppError} PREVIEW_NOT_FOUND */
  async insertToken(token: PreviewTokenRecord): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      const preview = await transaction
        .selectFrom("previews")
        .select("id")
        .where("id", "=", token.previewId)
        .forUpdate()
        .executeTakeFirst();
      if (preview === undefined) {
        throw new AppError("PREVIEW_NOT_FOUND", `Cannot create token "${token.name}": its preview is gone`);
      }
      await transaction
        .insertInto("preview_tokens")
        .values({
          preview_id: token.previewId,
          name: token.name,
          value: token.value,
          expires_at_ms: token.expiresAtMs ?? null,
        })
        .execute();
    });
  }

  /** Oldest first. */
  async tokensOf(previewId: string): Promise<PreviewTokenRecord[]> {
    const rows = await this.#db
      .selectFrom("preview_tokens")
      .selectAll()
      .where("preview_id", "=", previewId)
      .orderBy("position")
      .execute();
    return rows.map(fromTokenRow);
  }

  async allTokens(): Promise<PreviewTokenRecord[]> {
    const rows = await this.#db.selectFrom("preview_tokens").selectAll().execute();
    return rows.map(fromTokenRow);
  }

  /** The values that are gone: clients name a token by its name or by its value. */
  async removeTokens(previewId: string, nameOrValue: string): Promise<string[]> {
    const rows = await this.#db
      .deleteFrom("preview_tokens")
      .where("preview_id", "=", previewId)
      .where((eb) => eb.or([eb("name", "=", nameOrValue), eb("value", "=", nameOrValue)]))
      .returning("value")
      .execute();
    return rows.map(({ value }) => value);
  }
}

/** Its workspace. A sandbox that is being deleted takes no new previews. */
async function requireSandbox(db: Kysely<Tables>, id: SandboxId): Promise<string> {
  const sandbox = await db
    .selectFrom("sandboxes")
    .select("workspace")
    .where("id", "=", id)
    .where("status", "!=", "DELETING")
    .forUpdate()
    .executeTakeFirst();
  if (sandbox !== undefined) return sandbox.workspace;
  throw new AppError("SANDBOX_NOT_FOUND", "Cannot create a preview: its sandbox is gone");
}

function toRow(record: PreviewRecord): Selectable<PreviewsTable> {
  return {
    id: record.id,
    sandbox_id: record.sandboxId,
    name: record.name,
    display_name: record.displayName ?? null,
    spec: JSON.stringify(record.spec),
    created_at_ms: record.createdAtMs,
    domain_id: record.customHost?.domainId ?? null,
    hostname: record.customHost?.hostname ?? null,
  };
}

function fromRow(row: Selectable<PreviewsTable>): PreviewRecord {
  const { domain_id: domainId, hostname } = row;
  return {
    id: row.id,
    sandboxId: row.sandbox_id as SandboxId,
    name: row.name as PreviewName,
    displayName: row.display_name ?? undefined,
    spec: JSON.parse(row.spec) as PreviewSpec,
    createdAtMs: row.created_at_ms,
    customHost: domainId === null || hostname === null ? undefined : { domainId, hostname },
  };
}

function fromTokenRow(row: Selectable<PreviewTokensTable>): PreviewTokenRecord {
  return {
    previewId: row.preview_id,
    name: row.name,
    value: row.value,
    expiresAtMs: row.expires_at_ms === null ? undefined : row.expires_at_ms,
  };
}
