import { AppError } from "@dormouse/kernel";
import type {
  EngineImageId,
  ResourceEvent,
  SandboxFailure,
  SandboxId,
  SandboxName,
  SandboxSpec,
  SandboxStatus,
  WorkspaceName,
} from "@dormouse/schema";
import type { Kysely, Selectable, Updateable } from "kysely";
import { CountCache } from "./count-cache.ts";
import { encodeCursor, readingOrder, startAfter } from "./cursor.ts";
import { countOf, listKey, matchSandboxes, type SandboxFilter, TERMINATED } from "./sandbox-filter.ts";
import type { SandboxesTable, Tables } from "./tables.ts";
import type { Page } from "./page.ts";

export interface SandboxRecord {
  /** Also its id on the engine. A recreated sandbox has a new one. */
  readonly id: SandboxId;
  readonly workspace: WorkspaceName;
  readonly name: SandboxName;
  readonly displayName: string | undefined;
  readonly externalId: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: SandboxSpec;
  readonly status: SandboxStatus;
  /** Oldest first. */
  readonly events: readonly ResourceEvent[];
  readonly createdAtMs: number;
  /** Of a TERMINATED one: when that happened. */
  readonly updatedAtMs: number;
  /** Who, in the words of the API's answers; `undefined` where nobody is known. */
  readonly createdBy: string | undefined;
  readonly updatedBy: string | undefined;
  /** As of when it last fell asleep, or up to a minute too late when the server died while it was awake. */
  readonly lastUsedAtMs: number | undefined;
  /** Oldest first. */
  readonly errors: readonly SandboxFailure[];
  /** Id on the engine of the built image it was created with, which it stays with; `undefined` for a public one. */
  readonly engineImageId: EngineImageId | undefined;
}

/** Columns a later write may change. */
export type SandboxChange = Partial<
  Pick<
    SandboxRecord,
    | "displayName"
    | "externalId"
    | "labels"
    | "spec"
    | "status"
    | "events"
    | "errors"
    | "updatedBy"
    | "lastUsedAtMs"
    | "engineImageId"
    | "createdAtMs"
  >
> & { readonly updatedAtMs: number };

type SandboxRow = Selectable<SandboxesTable>;

/** Rows of `sandboxes`. */
export class SandboxRepository {
  readonly #db: Kysely<Tables>;
  readonly #counts = new CountCache();

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** @throws {AppError} SANDBOX_ALREADY_EXISTS while a live sandbox of the workspace has the name. */
  async insert(record: SandboxRecord): Promise<void> {
    const inserted = await this.#db
      .insertInto("sandboxes")
      .values(toRow(record))
      .onConflict((conflict) => conflict.doNothing())
      .returning("id")
      .executeTakeFirst();
    this.#counts.forget();
    if (inserted !== undefined) return;
    throw new AppError("SANDBOX_ALREADY_EXISTS", `Cannot create sandbox "${record.name}": the name is taken`, {
      hint: "Choose another name, delete the sandbox that has it, or create with createIfNotExist=true",
    });
  }

  async find(workspace: WorkspaceName, name: string): Promise<SandboxRecord | undefined> {
    const row = await this.#db
      .selectFrom("sandboxes")
      .selectAll()
      .where("workspace", "=", workspace)
      .where("name", "=", name)
      .where("status", "!=", TERMINATED)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  async findById(id: SandboxId): Promise<SandboxRecord | undefined> {
    const row = await this.#db.selectFrom("sandboxes").selectAll().where("id", "=", id).executeTakeFirst();
    return row && fromRow(row);
  }

  /** The latest of those that had the name, expired and are still kept for reading. */
  async findTerminated(workspace: WorkspaceName, name: string): Promise<SandboxRecord | undefined> {
    const row = await this.#db
      .selectFrom("sandboxes")
      .selectAll()
      .where("workspace", "=", workspace)
      .where("name", "=", name)
      .where("status", "=", "TERMINATED")
      .orderBy("updated_at_ms", "desc")
      .limit(1)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** The newest one: external ids need not be unique. */
  async findByExternalId(workspace: WorkspaceName, externalId: string): Promise<SandboxRecord | undefined> {
    const row = await this.#db
      .selectFrom("sandboxes")
      .selectAll()
      .where("workspace", "=", workspace)
      .where("external_id", "=", externalId)
      .where("status", "!=", TERMINATED)
      .orderBy("created_at_ms", "desc")
      .orderBy("id", "desc")
      .limit(1)
      .executeTakeFirst();
    return row && fromRow(row);
  }

  /** Without `query.limit` all of them. @throws {AppError} INVALID_ARGUMENT for a cursor of another list, or an old one. */
  async list(workspace: WorkspaceName, query: SandboxFilter, nowMs: number): Promise<Page<SandboxRecord>> {
    const matching = matchSandboxes(this.#db, workspace, query);
    const totalCount = await this.#counts.get(listKey(workspace, query), nowMs, () => countOf(matching));
    const { column, direction } = readingOrder(query);
    let page = matching.selectAll().orderBy(column, direction).orderBy("id", direction);
    if (query.cursor !== undefined) page = page.where(startAfter(query, query.cursor, nowMs));
    if (query.limit !== undefined) page = page.limit(query.limit + 1);
    const rows = await page.execute();
    const shown = rows.slice(0, query.limit);
    const last = rows.length > shown.length ? shown.at(-1) : undefined;
    const nextCursor = last && encodeCursor(query, last, nowMs);
    if (query.anchor === "end") shown.reverse();
    return { records: shown.map(fromRow), nextCursor, totalCount };
  }

  /** Of every workspace, for the start of the server. */
  async all(): Promise<SandboxRecord[]> {
    const rows = await this.#db.selectFrom("sandboxes").selectAll().execute();
    return rows.map(fromRow);
  }

  /** The changed record; `undefined` if it is gone or no longer has the status the change starts from. */
  async change(id: SandboxId, from: SandboxStatus, change: SandboxChange): Promise<SandboxRecord | undefined> {
    const changed = await this.#db.transaction().execute(async (transaction) => {
      const row = await transaction
        .selectFrom("sandboxes")
        .selectAll()
        .where("id", "=", id)
        .where("status", "=", from)
        .forUpdate()
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const changed = { ...fromRow(row), ...change };
      const columns: Updateable<SandboxesTable> = toRow(changed);
      await transaction.updateTable("sandboxes").set(columns).where("id", "=", id).execute();
      return changed;
    });
    this.#counts.forget();
    return changed;
  }

  /** `change` of what a start changes, in one statement: every create waits for it. */
  async markDeployed(
    id: SandboxId,
    events: SandboxRecord["events"],
    updatedAtMs: number,
  ): Promise<SandboxRecord | undefined> {
    const row = await this.#db
      .updateTable("sandboxes")
      .set({ status: "DEPLOYED", events: JSON.stringify(events), updated_at_ms: updatedAtMs })
      .where("id", "=", id)
      .where("status", "=", "DEPLOYING")
      .returningAll()
      .executeTakeFirst();
    this.#counts.forget();
    return row && fromRow(row);
  }

  /** Whatever its status is, but an expired one stays so. Idempotent: an unknown id is already gone. */
  async mark(id: SandboxId, status: SandboxStatus, updatedAtMs: number): Promise<void> {
    const change = { status, updated_at_ms: updatedAtMs };
    await this.#db
      .updateTable("sandboxes")
      .set(change)
      .where("id", "=", id)
      .where("status", "!=", TERMINATED)
      .execute();
    this.#counts.forget();
  }

  /** When sandboxes were last used. Unknown ids are ignored. */
  async setLastUsed(ids: readonly SandboxId[], atMs: number): Promise<void> {
    if (ids.length === 0) return;
    await this.#db.updateTable("sandboxes").set({ last_used_at_ms: atMs }).where("id", "in", ids).execute();
  }

  /**
   * Turns one that is being deleted into a record to read: all that hangs on a sandbox, such as previews, goes as with
   * `remove`. `undefined` if it is gone or not being deleted.
   */
  async terminate(id: SandboxId, change: SandboxChange): Promise<SandboxRecord | undefined> {
    const terminated = await this.#db.transaction().execute(async (transaction) => {
      const row = await transaction
        .deleteFrom("sandboxes")
        .where("id", "=", id)
        .where("status", "=", "DELETING")
        .returningAll()
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const terminated: SandboxRecord = { ...fromRow(row), ...change, status: "TERMINATED" };
      await transaction.insertInto("sandboxes").values(toRow(terminated)).execute();
      return terminated;
    });
    this.#counts.forget();
    return terminated;
  }

  /** Forgets the expired ones of a name. Idempotent. */
  async removeTerminated(workspace: WorkspaceName, name: SandboxName): Promise<void> {
    await this.#db
      .deleteFrom("sandboxes")
      .where("workspace", "=", workspace)
      .where("name", "=", name)
      .where("status", "=", "TERMINATED")
      .execute();
    this.#counts.forget();
  }

  /** Its previews, tokens, schedules and executions go with it. Idempotent. */
  async remove(id: SandboxId): Promise<void> {
    await this.#db.deleteFrom("sandboxes").where("id", "=", id).execute();
    this.#counts.forget();
  }
}

function toRow(record: SandboxRecord): SandboxRow {
  const words = [record.name, record.displayName ?? "", ...Object.entries(record.labels).flat()];
  return {
    id: record.id,
    workspace: record.workspace,
    name: record.name,
    display_name: record.displayName ?? null,
    external_id: record.externalId ?? null,
    labels: JSON.stringify(record.labels),
    spec: JSON.stringify(record.spec),
    status: record.status,
    events: JSON.stringify(record.events),
    search_text: words.join("\n").toLowerCase(),
    created_at_ms: record.createdAtMs,
    updated_at_ms: record.updatedAtMs,
    created_by: record.createdBy ?? null,
    updated_by: record.updatedBy ?? null,
    last_used_at_ms: record.lastUsedAtMs ?? null,
    errors: JSON.stringify(record.errors),
    engine_image_id: record.engineImageId ?? null,
  };
}

/** Rows are only ever written by `toRow`, so what they hold is trusted, not parsed again. */
function fromRow(row: SandboxRow): SandboxRecord {
  return {
    id: row.id as SandboxId,
    workspace: row.workspace as WorkspaceName,
    name: row.name as SandboxName,
    displayName: row.display_name ?? undefined,
    externalId: row.external_id ?? undefined,
    labels: JSON.parse(row.labels) as Record<string, string>,
    spec: JSON.parse(row.spec) as SandboxSpec,
    status: row.status as SandboxStatus,
    events: JSON.parse(row.events) as ResourceEvent[],
    createdAtMs: row.created_at_ms,
    updatedAtMs: row.updated_at_ms,
    createdBy: row.created_by ?? undefined,
    updatedBy: row.updated_by ?? undefined,
    lastUsedAtMs: row.last_used_at_ms ?? undefined,
    errors: JSON.parse(row.errors) as SandboxFailure[],
    engineImageId: (row.engine_image_id ?? undefined) as EngineImageId | undefined,
  };
}
