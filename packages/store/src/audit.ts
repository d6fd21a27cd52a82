import type { AuditQuery, SubjectType, WorkspaceName } from "@dormouse/schema";
import type { Expression, ExpressionBuilder, Kysely, Selectable, SqlBool } from "kysely";
import type { AuditEventsTable, Tables } from "./tables.ts";

/** Rows one statement inserts; SQLite and Postgres both limit a statement's parameters. */
const ROWS_PER_INSERT = 500;

export interface AuditActor {
  readonly type: SubjectType;
  readonly id: string;
  readonly name: string;
  readonly apiKeyId: string | undefined;
}

export interface AuditRecord {
  /** Sorts by time: the order of the log. */
  readonly id: string;
  /** `undefined`: of the account, or without one of the installation as a whole. */
  readonly workspace: WorkspaceName | undefined;
  /** The account of what was done in a workspace that is gone. */
  readonly accountId: string | undefined;
  readonly atMs: number;
  /** `undefined` when nobody could be told. */
  readonly actor: AuditActor | undefined;
  /** Such as `sandboxes.create`. */
  readonly action: string;
  readonly method: string;
  /** Such as `sandboxes/my-sandbox`. */
  readonly resource: string;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly code: string | undefined;
  readonly requestId: string;
  readonly clientAddress: string | undefined;
}

export interface AuditScope {
  readonly workspace: WorkspaceName;
  /** Also what was done in workspaces of this account that are gone. */
  readonly accountId: string | undefined;
  /** Also what belongs to no account. */
  readonly withInstallation: boolean;
}

/** Rows of `audit_events`. */
export class AuditRepository {
  readonly #db: Kysely<Tables>;

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  async insert(records: readonly AuditRecord[]): Promise<void> {
    for (let at = 0; at < records.length; at += ROWS_PER_INSERT) {
      const rows = records.slice(at, at + ROWS_PER_INSERT).map(toRow);
      await this.#db
        .insertInto("audit_events")
        .values(rows)
        .onConflict((conflict) => conflict.doNothing())
        .execute();
    }
  }

  /** Newest first, one more than `query.limit` if there are more. */
  async list(scope: AuditScope, query: AuditQuery): Promise<AuditRecord[]> {
    let rows = this.#db
      .selectFrom("audit_events")
      .selectAll()
      .where((eb) => isIn(eb, scope));
    const { actor, action, resource, cursor, since, until } = query;
    if (actor !== undefined) {
      rows = rows.where((eb) =>
        eb.or([eb("actor_id", "=", actor), eb("actor_name", "=", actor), eb("api_key_id", "=", actor)]),
      );
    }
    if (action !== undefined) rows = rows.where("action", "=", action);
    if (resource !== undefined) {
      rows = rows.where((eb) =>
        eb.or([
          eb("resource", "=", resource),
          eb(eb.fn<string>("substr", ["resource", eb.val(1), eb.val(resource.length + 1)]), "=", `${resource}/`),
        ]),
      );
    }
    if (since !== undefined) rows = rows.where("at_ms", ">=", since);
    if (until !== undefined) rows = rows.where("at_ms", "<", until);
    if (cursor !== undefined) rows = rows.where("id", "<", cursor);
    const found = await rows
      .orderBy("id", "desc")
      .limit(query.limit + 1)
      .execute();
    return found.map(fromRow);
  }

  async removeBefore(atMs: number): Promise<void> {
    await this.#db.deleteFrom("audit_events").where("at_ms", "<", atMs).execute();
  }
}

function isIn(
  eb: ExpressionBuilder<Tables, "audit_events">,
  { workspace, accountId, withInstallation }: AuditScope,
): Expression<SqlBool> {
  const ofNone = eb.and([eb("workspace", "is", null), eb("account_id", "is", null)]);
  return eb.or([
    eb("workspace", "=", workspace),
    ...(accountId === undefined ? [] : [eb.and([eb("workspace", "is", null), eb("account_id", "=", accountId)])]),
    ...(withInstallation ? [ofNone] : []),
  ]);
}

function toRow(record: AuditRecord): Selectable<AuditEventsTable> {
  return {
    id: record.id,
    workspace: record.workspace ?? null,
    account_id: record.accountId ?? null,
    at_ms: record.atMs,
    actor_type: record.actor?.type ?? null,
    actor_id: record.actor?.id ?? null,
    actor_name: record.actor?.name ?? null,
    api_key_id: record.actor?.apiKeyId ?? null,
    action: record.action,
    method: record.method,
    resource: record.resource,
    status: record.status,
    code: record.code ?? null,
    request_id: record.requestId,
    client_address: record.clientAddress ?? null,
  };
}

function fromRow(row: Selectable<AuditEventsTable>): AuditRecord {
  return {
    id: row.id,
    workspace: (row.workspace ?? undefined) as WorkspaceName | undefined,
    accountId: row.account_id ?? undefined,
    atMs: row.at_ms,
    actor: fromActor(row),
    action: row.action,
    method: row.method,
    resource: row.resource,
    status: row.status,
    code: row.code ?? undefined,
    requestId: row.request_id,
    clientAddress: row.client_address ?? undefined,
  };
}

function fromActor(row: Selectable<AuditEventsTable>): AuditActor | undefined {
  if (row.actor_id === null) return undefined;
  return {
    type: row.actor_type as SubjectType,
    id: row.actor_id,
    name: row.actor_name ?? "",
    apiKeyId: row.api_key_id ?? undefined,
  };
}
